// What the pages do beyond links and forms: parts that follow the service, questions before what cannot be undone,
// previews while one types. Without it everything still works, by reloading.
"use strict";

const menu = document.querySelector(".menu");
if (menu && matchMedia("(max-width: 800px)").matches) menu.open = false;

// Parts marked data-live="seconds" are taken anew from this same page, as often as the quickest of them asks for.
// A part that somebody is using (focus, selection, an open dialog) is left alone.
const liveParts = () => [...document.querySelectorAll("[data-live][id]")];
const stale = document.getElementById("stale");
let misses = 0;

async function refresh() {
  const parts = liveParts();
  if (!parts.length) return;
  if (!document.hidden && !document.querySelector("dialog[open]")) {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10000) });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of parts) {
        const fresh = page.getElementById(part.id);
        if (!fresh || part.contains(document.activeElement) || holdsSelection(part)) continue;
        keepOpen(part, fresh);
        if (fresh.outerHTML !== part.outerHTML) part.replaceWith(document.adoptNode(fresh));
      }
      misses = 0;
    } catch {
      misses += 1;
    }
    if (stale) stale.hidden = misses < 3;
  }
  const seconds = Math.min(...liveParts().map((part) => Number(part.dataset.live) || 5));
  if (Number.isFinite(seconds)) setTimeout(refresh, Math.min(60, seconds * (1 + misses)) * 1000);
}

function keepOpen(part, fresh) {
  const known = new Map([...part.querySelectorAll("details")].map((one) => [nameOf(one), one.open]));
  for (const one of fresh.querySelectorAll("details")) one.open = known.get(nameOf(one)) ?? one.open;
}

function nameOf(details) {
  return details.id || details.querySelector("summary")?.textContent.trim();
}

function holdsSelection(part) {
  const selection = getSelection();
  return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
}

const first = Math.min(...liveParts().map((part) => Number(part.dataset.live) || 5));
if (Number.isFinite(first)) setTimeout(refresh, first * 1000);

// A form with data-confirm asks first.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = form.dataset.confirm;
  if (!question || form.dataset.confirmed) return;
  event.preventDefault();
  const button = event.submitter;
  const dialog = document.createElement("dialog");
  const text = document.createElement("p");
  text.textContent = question;
  const actions = document.createElement("p");
  actions.className = "actions";
  const yes = document.createElement("button");
  yes.className = "primary";
  yes.textContent = button ? button.textContent : "Yes";
  const no = document.createElement("button");
  no.textContent = "Cancel";
  no.autofocus = true;
  actions.append(yes, no);
  dialog.setAttribute("aria-label", question);
  dialog.append(text, actions);
  no.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () => {
    form.dataset.confirmed = "yes";
    dialog.close();
    form.requestSubmit(button);
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
});

// A form with data-preview is sent there as it is filled in; the answer is shown in the element data-preview-into.
for (const form of document.querySelectorAll("form[data-preview]")) {
  let timer;
  let latest = 0;
  const show = async () => {
    const number = (latest += 1);
    try {
      const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form), signal: AbortSignal.timeout(10000) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const into = document.getElementById(form.dataset.previewInto);
      if (answer.ok && !answer.redirected && number === latest && into) into.replaceChildren(...page.body.childNodes);
    } catch {
      // the next change tries again
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 250);
  });
  show();
}

// Buttons with data-copy put the text of the element they name on the clipboard.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.textContent.trim());
  button.textContent = "Copied";
});

// Rows that link somewhere with their first link can be clicked anywhere; the link stays what keyboards use.
document.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-go]");
  if (!row || event.target.closest("a, button, input, form, summary") || !getSelection().isCollapsed) return;
  row.querySelector("a")?.click();
});
