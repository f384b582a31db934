import { useEffect, useRef, useSyncExternalStore } from "react";

/** What single keys do, by the key as the browser names it, in lower case. */
export type Shortcuts = Readonly<Record<string, () => void>>;

const typed = "input:not([type=checkbox]):not([type=radio]):not([type=button]), textarea, select, [contenteditable]:not([contenteditable=false])";

/** Where a key was pressed, as far as it matters: tests have no DOM. */
export interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  isComposing: boolean;
  repeat: boolean;
  defaultPrevented: boolean;
  /** The target is, or is in, something one types into. */
  typing: boolean;
  /** A dialog has the keyboard. */
  inDialog: boolean;
}

const repeatable = new Set(["j", "k"]);

/** The shortcut that was pressed, if any: keys do nothing while typing, in a dialog or with a modifier. */
export function shortcutOf(event: Pressed, shortcuts: Shortcuts): (() => void) | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented || event.typing || event.inDialog) return undefined;
  const key = event.key.toLowerCase();
  if (event.repeat && !repeatable.has(key)) return undefined;
  return Object.hasOwn(shortcuts, key) ? shortcuts[key] : undefined;
}

/** Listens to single keys while the component is there and the person has not turned them off. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const [on] = useKeysOn();
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    if (!on) return;
    const listen = (event: KeyboardEvent) => {
      const run = shortcutOf(
        {
          key: event.key,
          ctrlKey: event.ctrlKey,
          metaKey: event.metaKey,
          altKey: event.altKey,
          isComposing: event.isComposing,
          repeat: event.repeat,
          defaultPrevented: event.defaultPrevented,
          typing: event.target instanceof Element && event.target.closest(typed) !== null,
          inDialog: document.querySelector("dialog[open]") !== null,
        },
        latest.current,
      );
      if (run === undefined) return;
      event.preventDefault(); // "/" would open the browser's own search
      run();
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [on]);
}

// Whether single keys work is a matter of this browser: WCAG 2.1.4 wants a way to turn them off.
const setting = "specter.keys";
const changed = "specter-keys-changed";

function subscribe(listener: () => void): () => void {
  window.addEventListener(changed, listener);
  window.addEventListener("storage", listener);
  return () => {
    window.removeEventListener(changed, listener);
    window.removeEventListener("storage", listener);
  };
}

function areOn(): boolean {
  try {
    return window.localStorage.getItem(setting) !== "off";
  } catch {
    return true; // storage is blocked
  }
}

/** Whether single keys work, and how to change that. */
export function useKeysOn(): [boolean, (on: boolean) => void] {
  const on = useSyncExternalStore(subscribe, areOn);
  const set = (value: boolean) => {
    try {
      if (value) window.localStorage.removeItem(setting);
      else window.localStorage.setItem(setting, "off");
    } catch {
      return; // it stays as it is
    }
    window.dispatchEvent(new Event(changed));
  };
  return [on, set];
}
