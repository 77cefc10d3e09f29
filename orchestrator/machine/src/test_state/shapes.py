"""Writes shapes.json: what services answer, for the check of mocked results, from botocore's service models.

Owns: the selection of services and the compact form. Data of botocore (Apache-2.0, Amazon.com, Inc.); run it where
botocore is installed: `python3 shapes.py > shapes.json`.

Form: {service: {"operations": {operation: shape}, "shapes": {name: shape}}}. A shape is "string", "number",
"boolean", "any", "@name" of another shape, {"enum": [...]}, {"list": shape}, {"map": shape}, or
{"fields": {name: shape}, "required": [...]}. Members have the names that Step Functions gives them: a capital first.
"""

import json
import sys

import botocore.session

SERVICES = [
    "athena", "batch", "dynamodb", "ecs", "events", "kms", "lambda", "s3", "secretsmanager", "sns", "sqs",
    "stepfunctions",
]
SIMPLE = {
    "blob": "string", "boolean": "boolean", "character": "string", "double": "number", "float": "number",
    "integer": "number", "long": "number", "timestamp": "string",
}


def main():
    session = botocore.session.get_session()
    services = {}
    for name in SERVICES:
        model = session.get_service_model(name)
        shapes, operations = {}, {}
        for operation in model.operation_names:
            output = model.operation_model(operation).output_shape
            if output is not None:
                operations[operation] = compact(output, shapes)
        # An operation that answers nothing has nothing to check.
        operations = {name: shape for name, shape in operations.items() if shapes[shape[1:]]["fields"]}
        service = model.service_id.replace(" ", "").lower()
        services[service] = {"operations": operations, "shapes": shapes}
    json.dump(services, sys.stdout, separators=(",", ":"), sort_keys=True)


def compact(shape, shapes):
    """The shape in the form above; structures are named, since they may contain themselves."""
    if getattr(shape, "enum", None):
        return {"enum": shape.enum}
    if shape.type_name == "string":
        return "string"
    if shape.type_name in SIMPLE:
        return SIMPLE[shape.type_name]
    if shape.type_name == "list":
        return {"list": compact(shape.member, shapes)}
    if shape.type_name == "map":
        return {"map": compact(shape.value, shapes)}
    if getattr(shape, "is_document_type", False) or shape.type_name != "structure":
        return "any"
    if shape.name not in shapes:
        shapes[shape.name] = None
        fields = {capital(name): compact(member, shapes) for name, member in shape.members.items()}
        shapes[shape.name] = {"fields": fields}
        if shape.required_members:
            shapes[shape.name]["required"] = [capital(name) for name in shape.required_members]
    return "@" + shape.name


def capital(name):
    return name[:1].upper() + name[1:]


if __name__ == "__main__":
    main()
