import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, rememberSession, unwrap, type Session } from "../api";
import { EmailField, EntryForm, PasswordField } from "../entry/frame";
import { Card } from "../parts/ui";

export function ProfileView() {
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <ChangeEmail />
      <ChangePassword />
    </div>
  );
}

function ChangeEmail() {
  const queries = useQueryClient();
  const session = queries.getQueryData<Session>(["session"]);
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const change = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/account/email", { body: { new_email: email, password } })),
    onSuccess: () => {
      setPassword("");
      return queries.invalidateQueries({ queryKey: ["session"] });
    },
  });
  return (
    <Card label="E-mail address">
      <h2 className="mb-1 font-semibold">E-mail address</h2>
      <p className="mb-4 text-sm text-soft">
        You sign in with <span className="break-all">{session?.email}</span>.
      </p>
      <EntryForm action="Change the address" pending={change.isPending} error={change.error} onSubmit={() => change.mutate()}>
        <EmailField label="New e-mail address" value={email} onChange={setEmail} />
        <PasswordField label="Password" value={password} onChange={setPassword} />
        {change.isSuccess && (
          <p role="status" className="text-sm text-good">
            {change.data.pending ? "Check your mail, at both addresses: the address changes when the links were followed." : "The address is changed."}
          </p>
        )}
      </EntryForm>
    </Card>
  );
}

function ChangePassword() {
  const queries = useQueryClient();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const change = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/account/password", { body: { current_password: current, new_password: next } })),
    onSuccess: (session) => {
      setCurrent("");
      setNext("");
      queries.setQueryData(["session"], rememberSession(session));
      return queries.invalidateQueries({ queryKey: ["sessions"] });
    },
  });
  return (
    <Card label="Password">
      <h2 className="mb-1 font-semibold">Password</h2>
      <p className="mb-4 text-sm text-soft">Every other browser is signed out when it changes.</p>
      <EntryForm action="Change the password" pending={change.isPending} error={change.error} onSubmit={() => change.mutate()}>
        <PasswordField label="Current password" name="current-password" value={current} onChange={setCurrent} />
        <PasswordField label="New password" name="new-password" value={next} onChange={setNext} isNew />
        {change.isSuccess && (
          <p role="status" className="text-sm text-good">
            The password is changed. Other browsers are signed out.
          </p>
        )}
      </EntryForm>
    </Card>
  );
}
