import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { api, rememberSession, unwrap } from "../api";
import { EntryForm, Frame, PasswordField } from "./frame";

/** What the link of a sign-up or a recovery leads to: a password without the old one. */
export function NewPasswordPage({ email }: { email: string }) {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [password, setPassword] = useState("");
  const change = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/account/password", { body: { new_password: password } })),
    onSuccess: (session) => {
      navigate("/", { replace: true });
      queries.setQueryData(["session"], rememberSession(session));
    },
  });
  return (
    <Frame
      title="Choose a password"
      lead="Every other browser is signed out with it."
      below={
        <Link href="/" className="font-medium text-accent underline">
          Not now
        </Link>
      }
    >
      <EntryForm action="Set the password" pending={change.isPending} error={change.error} onSubmit={() => change.mutate()}>
        <input type="email" name="email" autoComplete="username" value={email} readOnly hidden />
        <PasswordField label="Password" name="new-password" value={password} onChange={setPassword} isNew />
      </EntryForm>
    </Frame>
  );
}
