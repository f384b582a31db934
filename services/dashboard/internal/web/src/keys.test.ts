import { describe, expect, it, vi } from "vitest";
import { shortcutOf, type Pressed } from "./keys";

const press = (key: string, more: Partial<Pressed> = {}): Pressed => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  isComposing: false,
  repeat: false,
  defaultPrevented: false,
  typing: false,
  inDialog: false,
  ...more,
});

describe("a single key", () => {
  const a = vi.fn();
  const j = vi.fn();
  const shortcuts = { a, j };

  it("does what it stands for, in either case", () => {
    expect(shortcutOf(press("a"), shortcuts)).toBe(a);
    expect(shortcutOf(press("A"), shortcuts)).toBe(a);
    expect(shortcutOf(press("b"), shortcuts)).toBeUndefined();
    expect(shortcutOf(press("toString"), shortcuts)).toBeUndefined();
  });

  it.each(["ctrlKey", "metaKey", "altKey", "isComposing", "defaultPrevented", "typing", "inDialog"] as const)("does nothing with %s", (name) => {
    expect(shortcutOf(press("a", { [name]: true }), shortcuts)).toBeUndefined();
  });

  it("held down moves on and decides nothing twice", () => {
    expect(shortcutOf(press("j", { repeat: true }), shortcuts)).toBe(j);
    expect(shortcutOf(press("a", { repeat: true }), shortcuts)).toBeUndefined();
  });
});
