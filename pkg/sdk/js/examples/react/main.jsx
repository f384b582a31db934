import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { SpecterErrorBoundary, SpecterProvider, useTrack } from "@draftlabs/specter/react";

function Shop() {
  const track = useTrack();
  const [broken, setBroken] = useState(false);
  if (broken) throw new Error("the cart is broken");
  return (
    <>
      <button id="buy" onClick={() => track("cta_click", { plan: "pro" })}>Buy</button>
      <button id="break" onClick={() => setBroken(true)}>Break</button>
    </>
  );
}

createRoot(document.querySelector("#app")).render(
  <StrictMode>
    <SpecterProvider options={{ apiKey: "spk_your_key", host: "https://specter.example.com" }}>
      <SpecterErrorBoundary fallback={<p id="sorry">Something went wrong.</p>}>
        <Shop />
      </SpecterErrorBoundary>
    </SpecterProvider>
  </StrictMode>,
);
