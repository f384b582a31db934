import { useMutation } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import { Button, Failure } from "../parts/ui";
import { Frame } from "./frame";
import { askForMail, type MailWay } from "./mail";

// A mail takes a moment, and the server sends no two at once.
const waitSeconds = 60;

interface CheckMailProps {
  email: string;
  way: MailWay;
  words: string;
  /** false: mails are kept for whoever runs the server. */
  sent: boolean;
  below: ReactNode;
}

export function CheckMail({ email, way, words, sent, below }: CheckMailProps) {
  const [wait, setWait] = useState(waitSeconds);
  const again = useMutation({ mutationFn: () => askForMail(way, email), onSuccess: () => setWait(waitSeconds) });
  useEffect(() => {
    if (wait <= 0) return;
    const tick = window.setTimeout(() => setWait(wait - 1), 1000);
    return () => window.clearTimeout(tick);
  }, [wait]);
  if (!sent) {
    return (
      <Frame title="Ask for your link" below={below}>
        <p role="status">
          This server sends no mail. The link for <strong className="break-words">{email}</strong> is kept for whoever runs it: ask them for it. {words}
        </p>
      </Frame>
    );
  }
  return (
    <Frame title="Check your mail" below={below}>
      <p role="status">
        A mail to <strong className="break-words">{email}</strong> brings the link. {words}
      </p>
      <p className="mt-3 mb-4 text-sm text-soft">Nothing there? Look into the spam folder, and whether the address is right.</p>
      {again.error && <Failure error={again.error} />}
      <Button className="w-full" disabled={wait > 0 || again.isPending} onClick={() => again.mutate()}>
        {wait > 0 ? `Send it again in ${wait} s` : "Send it again"}
      </Button>
    </Frame>
  );
}
