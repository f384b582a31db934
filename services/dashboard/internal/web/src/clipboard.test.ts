import { expect, test, vi } from "vitest";
import { copyKeys, copyText } from "./clipboard";

test("what the browser copied is told from what it would not", async () => {
  const writeText = vi.fn().mockResolvedValueOnce(undefined).mockRejectedValueOnce(new Error("NotAllowedError"));
  expect(await copyText("one", { clipboard: { writeText } })).toBe(true);
  expect(writeText).toHaveBeenCalledWith("one");
  expect(await copyText("two", { clipboard: { writeText } })).toBe(false);
});

test("a page over plain http has no clipboard", async () => {
  expect(await copyText("three", {})).toBe(false);
});

test("the keys are those of the person's machine", () => {
  expect(copyKeys("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)")).toBe("⌘C");
  expect(copyKeys("Mozilla/5.0 (X11; Linux x86_64)")).toBe("Ctrl+C");
});
