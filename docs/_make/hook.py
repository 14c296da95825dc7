"""Adds to the site what is made from the code: a page for each domain, pictures of its tasks, the pages of the API."""

from __future__ import annotations

from api import api_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pages import page, tasks_of
from pictures import SCHEMES, picture

from auxtasks.registry import DOMAINS


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made files to those of the folder.

    Parameters
    ----------
    files : Files
        The files of the site so far.
    config : MkDocsConfig
        How the site is built.

    Returns
    -------
    Files
        The same.
    """
    for name, content in api_pages().items():
        files.append(File.generated(config, name, content=content))
    for domain in DOMAINS:
        files.append(File.generated(config, f"targets/{domain}.md", content=page(domain)))
        for task in tasks_of(domain):
            for scheme in SCHEMES:
                name = f"targets/pictures/{domain}-{task.name}-{scheme}.png"
                files.append(File.generated(config, name, content=picture(task, domain, scheme)))
    return files
