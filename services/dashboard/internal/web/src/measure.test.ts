import { describe, expect, it } from "vitest";
import { patternOf } from "./measure";

describe("the pattern of an address", () => {
  it.each([
    ["/", "/"],
    ["/p/0197a6f2-0d4c-7b5e-9d5f-0a1b2c3d4e5f/proposals", "/p/:product/proposals"],
    ["/p/0197a6f2-0d4c-7b5e-9d5f-0a1b2c3d4e5f", "/p/:product"],
    ["/p/0197a6f2-0d4c-7b5e-9d5f-0a1b2c3d4e5f/deploy-hook/", "/p/:product/deploy-hook"],
    ["/auth/4711", "/auth/:id"],
    ["/p/Ann%20Smith/signals", "/p/:product/signals"],
  ])("%s is %s", (pathname, pattern) => {
    expect(patternOf(pathname)).toBe(pattern);
  });
});
