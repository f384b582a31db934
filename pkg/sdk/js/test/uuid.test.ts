import assert from "node:assert/strict";
import { test } from "node:test";
import { uuidv7 } from "../src/uuid";

test("a UUIDv7 carries the clock, the version and the variant", () => {
  // RFC 9562 appendix A.6: 2022-02-22 14:22:22 UTC-05:00.
  const id = uuidv7(0x017f22e279b0, (bytes) => bytes.fill(0xff));
  assert.equal(id, "017f22e2-79b0-7fff-bfff-ffffffffffff");
});

test("ids made at different times sort by time", () => {
  const zero = (bytes: Uint8Array) => bytes.fill(0);
  assert.ok(uuidv7(1_700_000_000_000, zero) < uuidv7(1_700_000_000_001, zero));
});
