"""The JSON Schema of case files, for editors: `python -m cases.write_schema` writes case.schema.json.

What only the reader can judge (shapes that fit each other, the range of a format) is not in it.
"""

import json
from typing import Final

from cases import SHIPPED
from cases.case_schema import File

PATH: Final = SHIPPED / "case.schema.json"


def schema_text() -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **File.model_json_schema()}
    schema["title"] = "A case of the backpropagation suite"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(schema_text(), encoding="utf-8")
