"use strict";
// The colour theme, and helpers that every report page shares. No text ever becomes mark-up.

const THEMES = ["auto", "light", "dark"];

function setTheme(theme) {
  const root = document.documentElement;
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  document.getElementById("theme").textContent = `Theme: ${theme}`;
}

function remembered() {
  try { return localStorage.getItem("evalign-theme"); } catch { return null; }
}

(() => {
  let theme = THEMES.includes(remembered()) ? remembered() : "auto";
  setTheme(theme);
  document.getElementById("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    setTheme(theme);
    try { localStorage.setItem("evalign-theme", theme); } catch { /* private window */ }
  });
})();

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

// Control characters and direction overrides by name, as harness_reports.text.visible does.
function visible(text) {
  return text.replaceAll("\r\n", "\n").replace(HIDDEN, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase();
    return `⟨U+${code.padStart(4, "0")}⟩`;
  });
}

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function embeddedData() {
  return [...document.querySelectorAll("script.data")];
}

function option(value, text) {
  return element("option", { value }, visible(text));
}

function shortNumber(value) {
  if (typeof value !== "number") return value ?? "—";
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}

function clipped(text, limit) {
  const flat = visible(text.slice(0, limit * 4)).replace(/\s+/g, " ").trim();
  return flat.length > limit ? `${flat.slice(0, limit)}…` : flat;
}

// A titled box of untrusted text, or of nodes made of it.
function block(title, ...content) {
  const shown = content.map((part) => (typeof part === "string" ? visible(part) : part));
  const isEmpty = shown.every((part) => part === "");
  return element("div", {}, element("h3", {}, title),
    element("div", { class: "untrusted", dir: "auto", tabindex: "0", role: "group", "aria-label": title },
      ...(isEmpty ? ["(empty)"] : shown)));
}
