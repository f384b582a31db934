import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { newId } from "../src/uuid.js";

test("a UUIDv7 carries the clock, the version and the variant", () => {
  // RFC 9562 appendix A.6: 2022-02-22 14:22:22 UTC-05:00.
  mock.timers.enable({ apis: ["Date"], now: 0x017f22e279b0 });
  assert.match(newId(), /^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const before = newId();
  mock.timers.tick(1);
  assert.ok(before < newId(), "ids made at different times sort by time");
  mock.timers.reset();
});

test("ids differ", () => {
  assert.equal(new Set(Array.from({ length: 10_000 }, newId)).size, 10_000);
});
