const maxText = 80;
const maxNodes = 200;
const levels = 3;

/** What somebody types or picks; its text is never read. */
const field = "input,textarea,select,option,[contenteditable]:not([contenteditable=false])";
const unread = field + ",script,style,noscript,[data-specter-mask],[data-specter-ignore]";

/** True for elements inside a subtree that asked to be left alone. */
export function ignored(el: Element): boolean {
  return !!el.closest("[data-specter-ignore]");
}

/** True for a field in which a triple click selects text instead of showing anger. */
export function editable(el: Element): boolean {
  return !!el.closest(field) && !el.closest("[type=button],[type=submit],[type=reset],[type=checkbox],[type=radio],[type=image]");
}

/**
 * A short selector that stays the same between visits: at most three levels, ending early at an id;
 * generated ids and class names (digits, hashes, utility syntax) are left out.
 */
export function selector(el: Element): string {
  const parts: string[] = [];
  for (let node: Element | null = el; node && parts.length < levels; node = node.parentElement) {
    const id = node.id;
    const stable = typeof id == "string" && /^[a-z][a-z_-]{0,39}\d?$/i.test(id);
    const names = (node.getAttribute("class") || "").split(/\s+/).filter((name) => /^[a-z][a-z_-]{1,29}$/i.test(name));
    parts.unshift(node.localName + (stable ? "#" + id : names.slice(0, 2).map((name) => "." + name).join("")));
    if (stable || node.localName == "body") break;
  }
  return parts.join(" > ");
}

/** The visible words of an element, without anything typed, picked or masked; undefined when none are left. */
export function text(el: Element): string | undefined {
  if (el.closest(unread)) return undefined;
  let words = "";
  let visited = 0;
  const read = (node: Node) => {
    for (let child = node.firstChild; child && words.length < 2 * maxText && visited++ < maxNodes; child = child.nextSibling) {
      if (child.nodeType == 3) words += child.nodeValue + " ";
      else if (child.nodeType == 1 && !(child as Element).matches(unread)) read(child);
    }
  };
  read(el);
  return words.replace(/\s+/g, " ").trim().slice(0, maxText) || undefined;
}
