/** How long a page may take to react to a click. */
const patience = 2_500;
/** What looks as if a click did something. A real link is left out: where it leads may open elsewhere. */
const promising = "button,summary,[role=button],[type=submit],[type=button]";
const signs = ["scroll", "input", "submit", "focusout", "visibilitychange"];

/**
 * Calls found for each click after which nothing happened: no change of the document, no scrolling,
 * no navigation, no change of a field or the focus. Returns what is to be told of each click.
 */
export function deadClicks(listen: (name: string, run: () => void) => void, found: (el: Element) => void): (el: Element) => void {
  let life = 0;
  const lives = () => {
    life++;
  };
  for (const name of signs) listen(name, lives);
  return (el) => {
    const control = el.closest(promising);
    if (!control) return;
    const before = life + location.href;
    const observer = new MutationObserver(lives);
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    setTimeout(() => {
      observer.disconnect();
      if (before == life + location.href) found(control);
    }, patience);
  };
}
