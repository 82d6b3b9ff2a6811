"""Judges values by the few keywords of JSON Schema that `mayfly run --request-schema` uses."""
TYPES = {"string": str, "object": dict, "array": list}
KNOWN = {"$schema", "title", "description", "type", "enum", "properties", "required", "additionalProperties", "items",
         "minItems", "minimum", "maximum", "maxLength"}


def is_of(value, kind):
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[kind])


def faults(value, schema, path="it"):
    """What is wrong with a value, in words; nothing if it conforms."""
    unknown = set(schema) - KNOWN
    if unknown:
        return [f"{path}: this test does not know {unknown}"]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_of(value, kind) for kind in kinds):
        return [f"{path} is no {kinds}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{path} is not one of {schema['enum']}")
    if is_of(value, "integer") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{path} is out of range")
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        found.append(f"{path} is too long")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(f"{path} is too short")
        for number, item in enumerate(value):
            found += faults(item, schema.get("items", {}), f"{path}[{number}]")
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [f"{path}.{name} is missing" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            if name not in properties and others is False:
                found.append(f"{path}.{name} is not known")
            else:
                found += faults(item, properties.get(name, others if isinstance(others, dict) else {}), f"{path}.{name}")
    return found
