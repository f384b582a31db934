import { describe, expect, it } from "vitest";
import { actionOf, problemOf, readLink } from "./link";

describe("the address of a followed link", () => {
  it.each([
    ["?token_hash=h&type=recovery", "", { kind: "link", link: { token_hash: "h", type: "recovery" }, type: "recovery" }],
    ["?flow=f&code=c", "", { kind: "link", link: { code: "c", flow: "f" }, type: undefined }],
    ["?flow=f", "#access_token=a&refresh_token=r&type=signup", { kind: "link", link: { refresh_token: "r", type: "signup" }, type: "signup" }],
    ["?flow=f&message=accepted", "#message=accepted", { kind: "other-address" }],
    ["?flow=f", "#message=accepted", { kind: "other-address" }],
    ["?error=access_denied&error_code=otp_expired", "#error=access_denied", { kind: "broken" }],
    ["?flow=f&code=c", "#error=access_denied", { kind: "broken" }],
    ["?code=c", "", { kind: "broken" }],
    ["?token_hash=h", "", { kind: "broken" }],
    ["", "", { kind: "broken" }],
  ])("%s%s", (search, hash, want) => {
    expect(readLink(search, hash)).toEqual(want);
  });
});

describe("words", () => {
  it("name what a link does", () => {
    expect(actionOf("recovery")).toBe("Choose a password");
    expect(actionOf("anything")).toBe("Continue");
  });
  it("never repeat what an address says", () => {
    expect(problemOf("<script>")).toBeUndefined();
    expect(problemOf("provider_lost")).toContain("Try again");
  });
});
