import { useEffect, useRef } from "react";

/** Where a key was pressed, as far as it matters. */
export interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  repeat: boolean;
  defaultPrevented: boolean;
  /** The target is something one types into. */
  typing: boolean;
}

/** What a key does, if anything: nothing while typing, with a modifier, or when somebody else took it. */
export function actionOf(pressed: Pressed, actions: Readonly<Record<string, () => void>>): (() => void) | undefined {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey || pressed.repeat || pressed.defaultPrevented || pressed.typing) return undefined;
  const key = pressed.key.toLowerCase();
  return Object.hasOwn(actions, key) ? actions[key] : undefined;
}

/** Listens to single keys while the page is open. */
export function useKeys(actions: Readonly<Record<string, () => void>>): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const typing = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]") !== null;
      const { key, ctrlKey, metaKey, altKey, repeat, defaultPrevented } = event;
      actionOf({ key, ctrlKey, metaKey, altKey, repeat, defaultPrevented, typing }, latest.current)?.();
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
}
