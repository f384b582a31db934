import { editable, ignored, selector, text } from "./element";
import { describe } from "./fault";
import { rageDetector } from "./rage";

export type Payload = Record<string, unknown>;
export type Track = (type: string, payload: Payload, contextId?: string) => void;
/** Runs a piece of ours so that nothing it throws reaches the page. */
export type Guard = <A extends unknown[]>(run: (...args: A) => void) => (...args: A) => void;

/** An error in a loop must not crowd out everything else: this many a page, then silence. */
const maxErrors = 20;

/** Starts every automatic signal. pages off leaves the rest on. */
export function capture(track: Track, guard: Guard, pages: boolean): void {
  let errors = 0;

  function page() {
    errors = 0;
    if (pages) track("page_view", {});
  }

  function clicked(event: MouseEvent) {
    const el = event.target;
    if (!(el instanceof Element) || ignored(el)) return;
    const angry = rage({ target: el, at: event.timeStamp, ...(event.detail ? { x: event.clientX, y: event.clientY } : {}) });
    if (angry && !editable(el) && !el.closest("[data-specter-no-rage]")) {
      track("rage_click", { ...about(el), clicks: angry });
    }
    const marked = el.closest("[data-specter]");
    const type = marked && marked.getAttribute("data-specter");
    if (marked && type) {
      const context = marked.closest("[data-specter-context]");
      track(type, { ...properties(marked), ...about(marked) }, (context && context.getAttribute("data-specter-context")) || undefined);
    }
  }
  const rage = rageDetector();

  function submitted(event: Event) {
    const form = event.target;
    // No text: the words of a form surround what was typed into it.
    if (form instanceof Element && !ignored(form)) track("form_submit", { element: selector(form) });
  }

  function failed(thrown: unknown, fallback: string) {
    if (errors++ < maxErrors) track("js_error", { ...describe(thrown, fallback) });
  }

  addEventListener("click", guard(clicked), true);
  addEventListener("submit", guard(submitted), true);
  addEventListener("error", guard((event: ErrorEvent) => failed(event.error, event.message)));
  addEventListener("unhandledrejection", guard((event: PromiseRejectionEvent) => failed(event.reason, "Unhandled rejection")));
  navigation(guard, page);
  page();
}

function about(el: Element): Payload {
  return { element: selector(el), text: text(el) };
}

/** data-specter-prop-plan="pro" becomes { plan: "pro" }. */
function properties(el: Element): Payload {
  const found: Payload = {};
  for (const { name, value } of Array.from(el.attributes)) {
    if (name.startsWith("data-specter-prop-")) found[name.slice(18)] = value;
  }
  return found;
}

/**
 * Calls page for every navigation inside the document. A router that rewrites only the query
 * (replaceState) has not gone anywhere, and many repeat the address they are on.
 */
function navigation(guard: Guard, page: () => void) {
  let path = location.pathname;
  let query = location.search;
  const moved = guard((replaced: boolean) => {
    const changed = path != location.pathname || (!replaced && query != location.search);
    path = location.pathname;
    query = location.search;
    if (changed) page();
  });
  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    history[name] = function (this: History, ...args: Parameters<History["pushState"]>) {
      original.apply(this, args);
      moved(name == "replaceState");
    };
  }
  addEventListener("popstate", () => moved(false));
  addEventListener("pageshow", guard((event: PageTransitionEvent) => {
    if (event.persisted) page();
  }));
}
