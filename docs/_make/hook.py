"""Adds to the site what is made from the code: pages of domains and of the API, pictures of tasks and of changes."""

from __future__ import annotations

from api import api_pages
from changes import changes_picture, changes_section
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pages import page, tasks_of
from pictures import SCHEMES, picture

from auxtasks.keras.changes import SETS
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
    for name in SETS:
        for scheme in SCHEMES:
            path = f"pictures/changes-{name}-{scheme}.png"
            files.append(File.generated(config, path, content=changes_picture(name, scheme)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the pictures of changes where a page asks for them.

    Parameters
    ----------
    markdown : str
        The text of a page.
    page, config, files
        Of the site.

    Returns
    -------
    str
        The text.
    """
    del page, config, files
    return markdown.replace("<!-- pictures of changes -->", changes_section())
