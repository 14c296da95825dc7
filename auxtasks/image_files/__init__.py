"""Files of images: found in folders of classes, decoded, and brought to one size."""

from auxtasks.image_files.found import ImageFiles, LabelledImages, image_files_of, images_in_folder, read_images

__all__ = ["ImageFiles", "LabelledImages", "image_files_of", "images_in_folder", "read_images"]
