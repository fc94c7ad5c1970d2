/* What the search box does. Nothing is fetched: a page that was opened from a folder may not. */
"use strict";

(() => {
  const index = window.crmkitIndex, say = index.say, most = 50;
  const box = document.getElementById("q"), status = document.getElementById("status");
  const list = document.getElementById("results"), rest = document.getElementById("rest"), home = document.title;
  const engine = crmkitSearch(index);

  // Texts are only ever set as texts.
  function made(name, text, attributes = {}) {
    const element = document.createElement(name);
    element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const quoted = words => words.map(one => filled(say.quoted, {word: one})).join(say.comma);

  // The words of a card that the question was about, marked: whole runs of letters, compared by their terms.
  function marked(element, text, wanted) {
    for (const piece of text.split(/([\p{L}\p{N}\p{M}']+)/u)) {
      const terms = piece ? engine.analyzer.terms(piece) : [];
      const words = engine.analyzer.cut(piece), whole = words.length > 0 && words.every(one => one.spaced);
      if (whole && terms.some(one => wanted.has(one))) element.append(made("mark", piece));
      else if (whole || !terms.some(one => wanted.has(one))) element.append(piece);
      else markedCharacters(element, piece, wanted);
    }
    return element;
  }

  // In unspaced text: the pairs of the question, or its character if it has but one.
  function markedCharacters(element, piece, wanted) {
    const letters = Array.from(piece), hit = letters.map(() => false), pairs = [...wanted].some(one => Array.from(one).length === 2);
    letters.forEach((one, place) => {
      const pair = place + 1 < letters.length && wanted.has(engine.analyzer.fold(one + letters[place + 1]));
      if (pair) hit[place] = hit[place + 1] = true;
      if (!pairs && wanted.has(engine.analyzer.fold(one))) hit[place] = true;
    });
    for (let place = 0; place < letters.length;) {
      let end = place + 1;
      while (end < letters.length && hit[end] === hit[place]) end++;
      const text = letters.slice(place, end).join("");
      element.append(hit[place] ? made("mark", text) : text);
      place = end;
    }
  }

  function entry(hit, wanted) {
    const [title, address, summary, language] = index.cards[hit.number];
    const item = made("li", ""), link = marked(made("a", "", {href: address}), title, wanted);
    if (language) item.setAttribute("lang", language);
    item.append(link);
    if (summary) item.append(marked(made("p", ""), summary, wanted));
    return item;
  }

  function note([kind, words, instead]) {
    return filled(say["note_" + kind], {words: quoted(words), instead: quoted(instead)});
  }

  function show(text, typing) {
    const asked = text.trim() !== "", found = engine.search(text, typing), wanted = new Set(found.words);
    rest.hidden = asked;
    list.replaceChildren(...(asked ? found.hits.slice(0, most) : []).map(hit => entry(hit, wanted)));
    const count = found.hits.length, shown = count > most ? filled(say.shown, {most}) : "";
    const total = filled(count === 1 ? say.found_one : say.found, {count});
    const lines = asked ? [total + shown, ...found.notes.map(note)] : [];
    status.replaceChildren(...lines.map(line => made("p", line)));
    document.title = asked ? `${text.trim()} · ${home}` : home;
  }

  box.addEventListener("input", event => event.isComposing || show(box.value, true));
  box.addEventListener("compositionend", () => show(box.value, true));
  box.form.addEventListener("submit", event => {
    event.preventDefault();
    show(box.value, false);
    try { history.replaceState(null, "", "?q=" + encodeURIComponent(box.value)); } catch { /* some browsers keep files from it */ }
  });
  box.value = new URLSearchParams(location.search).get("q") || "";
  if (box.value) show(box.value, false);
})();
