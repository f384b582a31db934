import { withoutQueries } from "./fault.js";

const maxText = 80;
const maxNodes = 200;
const levels = 3;

/** What somebody types into or picks from. */
const filled = "input,textarea,output,[role$=box],[role=option],[role=spinbutton]";
/** Text in here is never read. */
const field = filled + ",select,option,datalist";
const unread = field + ",script,style,[data-specter-mask],[data-specter-ignore]";

/** The nearest element, from el upwards, that has the attribute data-specter… */
export function marked(el: Element, name: string): HTMLElement | null {
  return el.closest("[data-specter" + name + "]");
}

/** True for a field in which a triple click selects text instead of showing anger. */
export function editable(el: Element): boolean {
  const inside = el.closest<HTMLInputElement>(field);
  return writable(el) || (!!inside && !/button|submit|reset|checkbox|radio|image/.test(inside.type));
}

/** True inside contenteditable, and everywhere in a document in design mode. */
function writable(el: Element): boolean {
  return (el as HTMLElement).isContentEditable;
}

/**
 * A short selector that stays the same between visits: at most three levels, ending early at an id;
 * generated ids and class names (digits, hashes, utility syntax) are left out.
 */
export function selector(el: Element | null): string {
  const parts: string[] = [];
  for (; el && parts.length < levels; el = el.parentElement) {
    const stable = /^[a-z][a-z_-]{0,39}\d?$/i.test(el.id);
    const names = [...el.classList].filter((name) => /^[a-z][a-z_-]{1,29}$/i.test(name));
    parts.unshift(stable ? el.localName + "#" + el.id : [el.localName, ...names.slice(0, 2)].join("."));
    if (stable || el == document.body) break;
  }
  return parts.join(" > ");
}

/** The visible words of an element, without anything typed, picked or masked; undefined when none are left. */
export function text(el: Element): string | undefined {
  let words = "";
  let visited = 0;
  const read = (node: Node) => {
    if (visited++ > maxNodes) return;
    if (node instanceof Text) words += node.data + " ";
    else if (node instanceof Element && !node.matches(unread) && !writable(node)) node.childNodes.forEach(read);
  };
  if (!el.closest(unread)) read(el);
  return withoutValues(words).replace(/\s+/g, " ").trim().slice(0, maxText) || undefined;
}

/**
 * Takes out of a text what stands in the page's fields at this moment: pages repeat it in labels
 * ("Pay as Ada") and in messages of errors. Each line of it counts for itself, the longest first; two
 * characters and less stay, they are everywhere. Queries and hashes of addresses are cut too.
 */
export function withoutValues(words: string): string {
  let values = "\n";
  const read = (node: Node) => {
    if (node instanceof Text) values += node.data + "\n";
    node.childNodes.forEach(read);
  };
  document.querySelectorAll<HTMLOptionElement>(filled + ",option:checked,[contenteditable]").forEach((el) => {
    values += [el.value, el.label, el.innerText, ""].join("\n");
    read(el);
  });
  values
    .split(/\s\s+|[^\S ]/)
    .sort((a, b) => b.length - a.length)
    .forEach((value) => {
      if (value.length > 2) words = words.split(value).join("***");
    });
  return withoutQueries(words);
}
