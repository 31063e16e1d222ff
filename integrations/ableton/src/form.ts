/** Dialogs: a page of HTML that sends one text back when it closes. */

export type Field = { name: string; label: string; value: string; hint?: string };

const STYLE = `body{background:#363636;color:#b5b5b5;font:13px sans-serif;margin:16px}
label{display:block;margin-bottom:8px}input{width:100%;box-sizing:border-box;background:#1e1e1e;color:#ddd;
border:1px solid #121212;padding:5px;font:inherit}p{margin:0 0 12px}div{text-align:right;margin-top:12px}
button{font:inherit;padding:5px 14px;margin-left:8px}`;

// Live shows the page in WebKit on macOS and in WebView2 on Windows.
const SCRIPT = `function send(value){const message={method:"close_and_send",params:[value]};
const live=window.webkit?.messageHandlers?.live??window.chrome?.webview;live?.postMessage(message)}
const form=document.querySelector("form");
form.addEventListener("submit",e=>{e.preventDefault();send(JSON.stringify(Object.fromEntries(new FormData(form))))});
addEventListener("keydown",e=>{if(e.key==="Escape")send("")});
document.querySelector("[type=button]")?.addEventListener("click",()=>send(""))`;

export const escapeHtml = (text: string) =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

function page(body: string): string {
  const html = `<!doctype html><meta charset="utf-8"><style>${STYLE}</style><form>${body}</form><script>${SCRIPT}</script>`;
  return `data:text/html,${encodeURIComponent(html)}`;
}

/** Return the address of a page with fields; it sends their values as JSON, or nothing. */
export function formPage(fields: Field[], button: string): string {
  const rows = fields.map(
    ({ name, label, value, hint = "" }) =>
      `<label>${escapeHtml(label)}<input name="${escapeHtml(name)}" value="${escapeHtml(value)}" placeholder="${escapeHtml(hint)}"></label>`,
  );
  return page(
    `${rows.join("")}<div><button type="button">Cancel</button><button>${escapeHtml(button)}</button></div>`,
  );
}

/** Return the address of a page that shows a text. */
export const messagePage = (text: string) =>
  page(`<p>${escapeHtml(text)}</p><div><button autofocus>Close</button></div>`);
