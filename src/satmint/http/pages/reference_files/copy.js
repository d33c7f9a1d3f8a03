// Buttons that copy the text of the block of code before them.

const SHOWN_MS = 1500;

export function offerCopies(root) {
  for (const button of root.querySelectorAll("button.copy")) {
    button.addEventListener("click", () => copy(button));
  }
}

export function copyButton(label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", label);
  button.addEventListener("click", () => copy(button));
  return button;
}

async function copy(button) {
  const block = button.parentElement.querySelector("pre");
  const done = await write(block);
  button.textContent = done ? "Copied" : "Press Ctrl+C";
  setTimeout(() => { button.textContent = "Copy"; }, SHOWN_MS);
}

// Browsers offer the clipboard only to HTTPS pages and on this machine; elsewhere, the text is selected.
async function write(block) {
  try {
    await navigator.clipboard.writeText(block.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(block);
    return document.execCommand("copy");
  }
}
