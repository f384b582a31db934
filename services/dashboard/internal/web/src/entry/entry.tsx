import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Link, useSearchParams } from "wouter";
import { ApiError, api, rememberSession, unwrap, type Schemas } from "../api";
import { Button, Failure } from "../parts/ui";
import { CheckMail } from "./check-mail";
import { EmailField, EntryForm, Frame, PasswordField } from "./frame";
import { problemOf } from "./link";
import { askForMail, type MailWay } from "./mail";

type Ways = Schemas["WaysIn"];

/** What people see who are not signed in; which form it is stands in the address. */
export function EntryPage() {
  const [search] = useSearchParams();
  const ways = useQuery({ queryKey: ["ways"], queryFn: () => unwrap(api.GET("/api/v1/auth/ways")), refetchInterval: false, staleTime: 60_000 });
  const [email, setEmail] = useState("");
  const shared = { ways: ways.data, email, setEmail };
  switch (search.get("form")) {
    case "create":
      return <CreateForm {...shared} />;
    case "forgot":
      return <MailForm {...shared} title="Set a new password" lead="You get a link with which you choose one." action="Send the link" way="recover" />;
    case "link":
      return <MailForm {...shared} title="Sign in with a link" lead="You get a link that signs you in, without a password." action="Send the link" way="magic-link" />;
    case "confirm":
      return <MailForm {...shared} title="Confirm your address" lead="You get the link again." action="Send the link" way="resend" />;
    default:
      return <SignInForm {...shared} problem={problemOf(search.get("problem"))} />;
  }
}

interface FormProps {
  ways: Ways | undefined;
  email: string;
  setEmail: (email: string) => void;
}

/** Another form at the same address, so that the page that was wanted opens after signing in. */
function Other({ form, children }: { form?: string; children: ReactNode }) {
  return (
    <Link href={form === undefined ? "?" : `?form=${form}`} className="font-medium text-accent underline">
      {children}
    </Link>
  );
}

function SignInForm({ ways, email, setEmail, problem }: FormProps & { problem: string | undefined }) {
  const queries = useQueryClient();
  const [password, setPassword] = useState("");
  const enter = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/auth/login", { body: { email, password } })),
    onSuccess: (session) => queries.setQueryData(["session"], rememberSession(session)),
  });
  const unconfirmed = ways?.confirms_email === true && enter.error instanceof ApiError && enter.error.code === "invalid_credentials";
  return (
    <Frame
      title="Sign in"
      lead="From what users do to proof that a change helped."
      below={
        <>
          {ways?.sign_up !== false && (
            <p>
              New here? <Other form="create">Create an account</Other>
            </p>
          )}
          <p>
            <Other form="forgot">Forgot password?</Other>
          </p>
          {unconfirmed && (
            <p>
              Not confirmed yet? <Other form="confirm">Send the link again</Other>
            </p>
          )}
        </>
      }
    >
      {problem !== undefined && (
        <p role="alert" className="mb-4 rounded-xl border border-warn/50 p-3 text-sm text-warn">
          {problem}
        </p>
      )}
      <EntryForm action="Sign in" pending={enter.isPending} error={enter.error} onSubmit={() => enter.mutate()}>
        <EmailField value={email} onChange={setEmail} />
        <PasswordField value={password} onChange={setPassword} />
      </EntryForm>
      <OtherWays ways={ways} />
    </Frame>
  );
}

/** The ways in without a password, as far as they are on. */
function OtherWays({ ways }: { ways: Ways | undefined }) {
  const start = useMutation({
    mutationFn: (provider: string) => {
      const next = window.location.pathname === "/sign-in" ? "/" : window.location.pathname + window.location.search;
      return unwrap(api.POST("/api/v1/auth/providers/{provider}", { params: { path: { provider } }, body: { next } }));
    },
    onSuccess: ({ url }) => window.location.assign(url),
  });
  if (ways === undefined || (ways.providers.length === 0 && !ways.magic_link)) return null;
  return (
    <div className="mt-4 space-y-2 border-t border-line pt-4">
      {ways.providers.map(({ name, title }) => (
        <Button key={name} className="w-full" disabled={start.isPending} onClick={() => start.mutate(name)}>
          Continue with {title}
        </Button>
      ))}
      {start.error && <Failure error={start.error} />}
      {ways.magic_link && (
        <p className="text-center text-sm text-soft">
          <Other form="link">Sign in with a link instead</Other>
        </p>
      )}
    </div>
  );
}

function CreateForm({ ways, email, setEmail }: FormProps) {
  const queries = useQueryClient();
  const [password, setPassword] = useState("");
  const confirms = ways?.confirms_email === true;
  const create = useMutation({
    // A 202 has no session: the address has to be confirmed first, and then a password is chosen.
    mutationFn: async () => (await unwrap(api.POST("/api/v1/auth/sign-up", { body: confirms ? { email } : { email, password } }))) ?? null,
    onSuccess: (session) => {
      if (session !== null && "csrf_token" in session) queries.setQueryData(["session"], rememberSession(session));
    },
  });
  const back = (
    <p>
      Already have an account? <Other>Sign in</Other>
    </p>
  );
  if (create.isSuccess && (create.data === null || !("csrf_token" in create.data))) {
    return <CheckMail email={email} way="resend" sent={ways?.sends_mail !== false} words="It confirms your address. If you have an account already, the mail may not come: sign in, or set a new password." below={back} />;
  }
  return (
    <Frame title="Create an account" lead={confirms ? "You get a link to confirm your address. Then you choose a password." : "It takes a minute."} below={back}>
      <EntryForm action="Create account" pending={create.isPending} error={create.error} onSubmit={() => create.mutate()}>
        <EmailField value={email} onChange={setEmail} />
        {!confirms && <PasswordField value={password} onChange={setPassword} isNew />}
      </EntryForm>
    </Frame>
  );
}

function MailForm({ ways, email, setEmail, title, lead, action, way }: FormProps & { title: string; lead: string; action: string; way: MailWay }) {
  const ask = useMutation({ mutationFn: () => askForMail(way, email) });
  const sends = ways?.sends_mail !== false;
  const back = (
    <p>
      <Other>Back to sign in</Other>
    </p>
  );
  if (ask.isSuccess) return <CheckMail email={email} way={way} sent={sends} words="It works once, and there is one only if the address has an account." below={back} />;
  return (
    <Frame title={title} lead={lead} below={back}>
      <EntryForm action={action} pending={ask.isPending} error={ask.error} onSubmit={() => ask.mutate()}>
        <EmailField value={email} onChange={setEmail} />
      </EntryForm>
    </Frame>
  );
}
