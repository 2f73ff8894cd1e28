"""Reading YAML as an editor does that checks a case against its schema."""

import re

import yaml


def as_an_editor_reads(text: str) -> object:
    """Read YAML 1.2, as editors do: PyYAML alone takes `1e-3` for text."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {}
    Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(null|~|)$"), None)
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(true|false)$"), None)
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+$"), None)
    number = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, None)
    return yaml.load(text, Loader=Loader)  # noqa: S506 - a subclass of the safe loader
