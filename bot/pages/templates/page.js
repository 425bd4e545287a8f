"use strict";
(() => {
  const form = document.getElementById("_filter");
  const field = form.querySelector("input");
  const output = form.querySelector("output");
  const papers = [...document.querySelectorAll("article")];
  const days = [...document.querySelectorAll(".day")];
  const sections = [...document.querySelectorAll("section")];
  const plain = (text) => text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  let texts = null;

  // What is typed is text: each word has to be in the paper, whatever characters it is made of.
  const show = () => {
    texts = texts || papers.map((paper) => plain(paper.textContent));
    const words = plain(field.value).split(/\s+/).filter(Boolean);
    const hash = location.hash.slice(1);
    const day = days.some((each) => each.dataset.day === hash) ? hash : "";
    let shown = 0;
    papers.forEach((paper, index) => {
      const wanted = !day || paper.parentElement.dataset.day === day;
      paper.hidden = !(wanted && words.every((word) => texts[index].includes(word)));
      shown += paper.hidden ? 0 : 1;
    });
    const filtered = day || words.length;
    [...days, ...sections].forEach((each) => {
      each.hidden = Boolean(filtered) && !each.querySelector("article:not([hidden])");
    });
    const of = day ? ` of ${day}` : "";
    output.value = filtered ? `${shown} of ${papers.length} papers shown${of}` : "";
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", show);
  addEventListener("hashchange", show);
  show();
})();
