/** A JSON Schema (2020-12), as OpenAPI 3.1 takes them. */
export type Schema = { readonly [keyword: string]: unknown };

export const text: Schema = { type: "string" };
export const number: Schema = { type: "number" };
export const whole: Schema = { type: "integer" };
export const flag: Schema = { type: "boolean" };
export const orNull = (type: "string" | "number" | "integer"): Schema => ({ type: [type, "null"] });
export const list = (items: Schema): Schema => ({ type: "array", items });
export const oneOf = (...words: readonly string[]): Schema => ({ type: "string", enum: words });
/** Values of one kind, under names that differ from one proxy to the next. */
export const byName = (values: Schema): Schema => ({ type: "object", additionalProperties: values });
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const object = (
  always: Readonly<Record<string, Schema>>,
  sometimes: Readonly<Record<string, Schema>> = {},
): Schema => ({
  type: "object",
  required: Object.keys(always),
  properties: { ...always, ...sometimes },
});
export const said = (schema: Schema, description: string): Schema => ({ ...schema, description });

export const epochMs = said(number, "Milliseconds since 1970.");
