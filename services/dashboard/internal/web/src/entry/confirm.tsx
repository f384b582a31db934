import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useLocation } from "wouter";
import { ApiError, api, rememberSession, unwrap } from "../api";
import { EntryForm, Frame } from "./frame";
import { actionOf, readLink, type Followed } from "./link";

/**
 * Where the links of mails lead. It asks before it uses one up: programs that look at mails open every link in them, and
 * nobody is to be signed in by somebody else's link without noticing.
 */
export function ConfirmPage() {
  const [followed] = useState(() => readLink(window.location.search, window.location.hash));
  useEffect(() => {
    window.history.replaceState(null, "", window.location.pathname); // the secret is out of sight, and of the history
  }, []);
  switch (followed.kind) {
    case "broken":
      return <BrokenLink />;
    case "other-address":
      return <OtherAddress />;
    case "link":
      return <Follow followed={followed} />;
  }
}

function Follow({ followed }: { followed: Extract<Followed, { kind: "link" }> }) {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const follow = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/auth/confirm", { body: followed.link })),
    onSuccess: ({ outcome, session }) => {
      if (session === undefined) return;
      queries.clear(); // of whoever was signed in before
      queries.setQueryData(["session"], rememberSession(session));
      if (outcome === "set_password") navigate("/auth/password", { replace: true });
      if (outcome === "signed_in") navigate("/", { replace: true });
    },
  });
  if (follow.error instanceof ApiError && follow.error.code === "link_expired") return <BrokenLink />;
  if (follow.data?.outcome === "other_address") return <OtherAddress />;
  if (follow.data?.outcome === "email_changed") {
    return (
      <Frame title="Your address is changed">
        <p role="status" className="mb-4">
          You sign in with <strong className="break-all">{follow.data.session?.email}</strong> from now on.
        </p>
        <Link href="/" className="font-medium text-accent underline">
          Go on to Specter
        </Link>
      </Frame>
    );
  }
  return (
    <Frame title="You followed a link" lead="It came by mail, and works once.">
      <EntryForm action={actionOf(followed.type)} pending={follow.isPending || follow.isSuccess} error={follow.error} onSubmit={() => follow.mutate()} />
    </Frame>
  );
}

function OtherAddress() {
  return (
    <Frame title="One more link">
      <p role="status">This address is confirmed. Now follow the link in the mail that went to your other address; only then it changes.</p>
    </Frame>
  );
}

function BrokenLink() {
  const ways = [
    ["/", "Sign in", "If you have confirmed your address already, just sign in."],
    ["/?form=forgot", "Set a new password", "A new link to choose a password."],
    ["/?form=link", "Sign in with a link", "A new link that signs you in."],
    ["/?form=confirm", "Confirm your address", "A new link for a new account."],
  ] as const;
  return (
    <Frame title="This link does not work any more">
      <p role="alert" className="mb-4">
        It has expired, was used already, or is not complete. Ask for a new one:
      </p>
      <ul className="space-y-3">
        {ways.map(([href, name, words]) => (
          <li key={href}>
            <Link href={href} className="font-medium text-accent underline">
              {name}
            </Link>
            <span className="block text-sm text-soft">{words}</span>
          </li>
        ))}
      </ul>
    </Frame>
  );
}
