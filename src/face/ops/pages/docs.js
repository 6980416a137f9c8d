// Shows /openapi.json to a person: operations by tag, each with its parameters, bodies,
// replies, problem codes and a curl line. Texts are set as text, never as markup.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

/** An element with its class and children; strings become text. */
function make(name, of, ...children) {
  const element = document.createElement(name);
  if (of) element.className = of;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** `code` and **bold** in a line of text. */
function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).filter(Boolean).map((part) => {
    if (part.startsWith("`")) return make("code", "", part.slice(1, -1));
    if (part.startsWith("**")) return make("strong", "", part.slice(2, -2));
    return part;
  });
}

/** Paragraphs of text. */
function paragraphs(text) {
  return text.split("\n\n").map((part) => make("p", "", ...inline(part.replace(/\n/g, " "))));
}

/** The document, with what references lead to. */
class Description {
  constructor(json) {
    this.json = json;
    this.codes = new Map();
    const known = json.components.schemas.ProblemCode;
    known.enum.forEach((code, at) => this.codes.set(code, known["x-enum-descriptions"][at]));
  }

  /** A schema or response, with what its reference leads to. */
  resolve(value) {
    if (!value || !value.$ref) return value;
    const path = value.$ref.slice(2).split("/");
    return path.reduce((found, part) => found[part], this.json);
  }

  /** The parts of a schema: the schema proper, whether it may be null, whether it is a list. */
  parts(schema) {
    const isNull = (each) => each.type === "null";
    let nullable = false;
    let found = this.resolve(schema);
    if (found.anyOf) {
      nullable = found.anyOf.some(isNull);
      found = this.resolve(found.anyOf.find((each) => !isNull(each)));
    }
    if (Array.isArray(found.type)) nullable = found.type.includes("null");
    const list = found.type === "array";
    const item = list ? this.resolve(found.items) : found;
    return { schema: item, outer: found, list, nullable };
  }

  /** A schema's type in words. */
  kind(schema) {
    const { schema: item, outer, list, nullable } = this.parts(schema);
    const type = Array.isArray(item.type) ? item.type.find((each) => each !== "null") : item.type;
    const words = [list ? `list of ${type}s` : type];
    const bound = (word, text) => {
      if (item[word] !== undefined) words.push(`${text} ${item[word]}`);
    };
    if (item.format) words.push(item.format);
    bound("minimum", "from");
    bound("maximum", "to");
    bound("minLength", "at least");
    bound("maxLength", "at most");
    if (item.minLength !== undefined || item.maxLength !== undefined) words.push("characters");
    bound("default", "default");
    if (outer.maxItems !== undefined) words.push(`at most ${outer.maxItems}`);
    if (nullable) words.push("or null");
    return words.join(" ");
  }

  /** The names of an object's fields, in the order of its type. */
  fields(schema) {
    const names = Object.keys(schema.properties || {});
    const required = schema.required || [];
    return [...required, ...names.filter((name) => !required.includes(name))];
  }

  /** An example with its fields in the order of its type. */
  ordered(schema, value) {
    if (value === null || typeof value !== "object") return value;
    const { schema: item, list } = this.parts(schema);
    if (list) return value.map((each) => this.ordered(item, each));
    const names = this.fields(item).filter((name) => name in value);
    return Object.fromEntries(
      names.map((name) => [name, this.ordered(item.properties[name], value[name])]));
  }
}

/** The values of an enum with their meanings. */
function values(schema) {
  if (!schema.enum || !schema["x-enum-descriptions"]) return null;
  return make("ul", "values", ...schema.enum.map((value, at) =>
    make("li", "", make("code", "", value), " – ", ...inline(schema["x-enum-descriptions"][at]))));
}

/** One field or parameter. */
function field(description, name, schema, required, about) {
  const { schema: item } = description.parts(schema);
  const text = about || schema.description || item.description || "";
  const note = `${description.kind(schema)}${required ? "" : ", optional"}`;
  return make("li", "",
    make("span", "name", name), make("span", "kind", note),
    make("span", "about", ...inline(text.split("\n")[0])),
    values(item),
    item.properties ? fields(description, item) : null);
}

/** The fields of an object. */
function fields(description, schema) {
  const required = schema.required || [];
  return make("ul", "fields", ...description.fields(schema).map((name) =>
    field(description, name, schema.properties[name], required.includes(name))));
}

/** A JSON body: its fields and an example. */
function body(description, media) {
  const { schema } = description.parts(media.schema);
  const example = media.example === undefined ? null
    : make("pre", "", make("code", "",
      JSON.stringify(description.ordered(media.schema, media.example), null, 2)));
  return [schema.properties ? fields(description, schema) : null, example];
}

/** A word for the shell, in single quotes. */
function quoted(text) {
  return `'${text.replace(/'/g, "'\\''")}'`;
}

/** A line to copy. */
function curl(description, method, path, operation) {
  const parameters = operation.parameters || [];
  let url = path;
  for (const each of parameters.filter((each) => each.in === "path")) {
    url = url.replace(`{${each.name}}`, encodeURIComponent(each.example));
  }
  const query = parameters.filter((each) => each.in === "query" && each.required)
    .map((each) => `${each.name}=${encodeURIComponent(each.example)}`).join("&");
  const words = ["curl"];
  if (method !== "get" && !(method === "post" && operation.requestBody)) {
    words.push("-X", method.toUpperCase());
  }
  if (operation.security.length > 0) words.push('-H "Authorization: Bearer $KEY"');
  words.push(quoted(location.origin + url + (query ? `?${query}` : "")));
  if (operation.requestBody) {
    const media = operation.requestBody.content["application/json"];
    words.push("-d", quoted(JSON.stringify(description.ordered(media.schema, media.example))));
  }
  return make("pre", "curl", make("code", "", words.join(" ")));
}

/** Who may call it. */
function caller(operation) {
  const names = operation.security.flatMap((each) => Object.keys(each));
  if (names.includes("customer")) return "Needs a customer's key.";
  if (names.includes("operator")) return "Needs an operator's key.";
  return "Needs no key.";
}

/** A reply that is no problem. */
function success(description, status, response) {
  const media = Object.entries(response.content || {});
  const kinds = media.filter(([kind]) => kind !== "application/json").map(([kind]) => kind);
  return make("div", "",
    make("p", "", make("span", "status", status), ...inline(response.description),
      kinds.length > 0 ? make("span", "kind", ` ${kinds.join(", ")}`) : null),
    ...media.filter(([kind]) => kind === "application/json")
      .flatMap(([, content]) => body(description, content)));
}

/** The problem codes of an operation, by status. */
function problems(description, operation) {
  const rows = Object.entries(operation["x-problem-codes"] || {}).flatMap(([status, codes]) =>
    codes.map((code) => make("li", "problem",
      make("span", "status", status), make("code", "", code),
      make("span", "about", ...inline(description.codes.get(code) || "")))));
  return make("ul", "fields", ...rows);
}

/** An operation, closed until it is asked for. */
function operation(description, method, path, stated) {
  const verb = method.toUpperCase();
  const parts = [
    ...paragraphs(stated.description || ""),
    make("p", "soft", caller(stated)),
    curl(description, method, path, stated),
  ];
  if (stated.parameters) {
    parts.push(make("h3", "", "Parameters"), make("ul", "fields", ...stated.parameters.map((each) =>
      field(description, `${each.name}`, each.schema, each.required,
        `${each.description} (in the ${each.in})`))));
  }
  if (stated.requestBody) {
    const content = stated.requestBody.content["application/json"];
    parts.push(make("h3", "", "Body"), make("p", "soft", stated.requestBody.description),
      ...body(description, content));
  }
  parts.push(make("h3", "", "Replies"));
  for (const [status, response] of Object.entries(stated.responses)) {
    if (status < "400") parts.push(success(description, status, response));
  }
  parts.push(make("h3", "", "Problems"), problems(description, stated));
  const all = make("details", "operation",
    make("summary", "", make("span", `method ${verb}`, verb), make("span", "path", path),
      make("span", "summary", ...inline(stated.summary))),
    make("div", "", ...parts.filter((part) => part !== null)));
  all.id = stated.operationId;
  return all;
}

/** The operations of a tag, in the order of their paths. */
function operationsOf(json, tag) {
  return Object.entries(json.paths).flatMap(([path, methods]) =>
    METHODS.filter((method) => methods[method]?.tags.includes(tag))
      .map((method) => ({ method, path, stated: methods[method] })));
}

function contents(json) {
  const link = (to, of, ...text) => {
    const anchor = make("a", of, ...text);
    anchor.href = `#${to}`;
    return anchor;
  };
  const tags = json.tags.flatMap((tag) => [
    link(`tag-${tag.name}`, "tag", tag.name),
    make("ul", "", ...operationsOf(json, tag.name).map(({ method, stated }) => make("li", "",
      link(stated.operationId, "", make("span", `method ${method.toUpperCase()}`,
        method.toUpperCase()), " ", ...inline(stated.summary))))),
  ]);
  const all = make("details", "", make("summary", "", "Operations"), ...tags);
  all.open = matchMedia("(min-width: 62rem)").matches;
  return all;
}

/** Opens the operation that the address names. */
function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) named.open = true;
  named?.scrollIntoView();
}

function show(json) {
  const description = new Description(json);
  const main = document.getElementById("main");
  const all = make("button", "", "Open all operations");
  all.type = "button";
  all.addEventListener("click", () => {
    const operations = [...document.querySelectorAll(".operation")];
    const open = operations.some((each) => !each.open);
    operations.forEach((each) => { each.open = open; });
    all.textContent = open ? "Close all operations" : "Open all operations";
  });
  const tags = json.tags.flatMap((tag) => {
    const heading = make("h2", "", tag.name);
    heading.id = `tag-${tag.name}`;
    return [heading, make("p", "soft", tag.description),
      ...operationsOf(json, tag.name).map(({ method, path, stated }) =>
        operation(description, method, path, stated))];
  });
  main.replaceChildren(
    make("h1", "", `${json.info.title} API`),
    make("p", "soft", `${json.info.summary}. Version ${json.info.version}.`),
    ...paragraphs(json.info.description), all, ...tags);
  document.getElementById("contents").replaceChildren(contents(json));
  addEventListener("hashchange", openNamed);
  openNamed();
}

fetch("/openapi.json")
  .then((response) => {
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.json();
  })
  .then(show)
  .catch((error) => {
    document.getElementById("state").textContent = `/openapi.json could not be shown: ${error.message}`;
  });
