// Light or dark: what the system says until the person chooses. Loaded before the page is painted.
'use strict';
(() => {
  const root = document.documentElement, dark = matchMedia('(prefers-color-scheme: dark)');
  const kept = () => { try { return localStorage.getItem('theme'); } catch { return null; } };
  const show = () => { root.dataset.theme = kept() ?? (dark.matches ? 'dark' : 'light'); };
  show();
  dark.addEventListener('change', show);
  addEventListener('DOMContentLoaded', () => {
    for (const button of document.querySelectorAll('[data-toggle-theme]')) {
      const name = () => { button.textContent = root.dataset.theme === 'dark' ? 'Light theme' : 'Dark theme'; };
      button.addEventListener('click', () => {
        root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
        try { localStorage.setItem('theme', root.dataset.theme); } catch { /* not kept, then */ }
        name();
      });
      dark.addEventListener('change', name);
      name();
    }
  });
})();
