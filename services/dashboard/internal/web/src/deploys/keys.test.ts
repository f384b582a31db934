import { expect, it } from "vitest";
import { actionOf, type Pressed } from "./keys";

const pressed = (more: Partial<Pressed> = {}): Pressed => ({
  key: "d", ctrlKey: false, metaKey: false, altKey: false, repeat: false, defaultPrevented: false, typing: false, ...more,
});

it("a key does its one thing, and nothing while somebody types or means something else", () => {
  const actions = { d: () => {} };
  expect(actionOf(pressed(), actions)).toBe(actions.d);
  expect(actionOf(pressed({ key: "D" }), actions)).toBe(actions.d);
  for (const not of [{ ctrlKey: true }, { metaKey: true }, { altKey: true }, { repeat: true }, { typing: true }, { defaultPrevented: true }, { key: "x" }, { key: "constructor" }]) {
    expect(actionOf(pressed(not), actions)).toBeUndefined();
  }
});
