/* The search of the site: makes the same terms of a question as crmkit.kb.text does of the cards, and finds what
   crmkit.kb.index would find. The tables come with the index; the comments about why are in the Python files. */
"use strict";

function crmkitAnalyzer(tables) {
  const folding = tables.folding, simpler = new Map(folding.simpler), simplified = new Map(folding.simplified);
  const casefold = new Map(folding.casefold), marks = new RegExp(folding.marks, "gu");
  const composing = new RegExp(folding.composing, "u"), stop = new Set(tables.stop), folds = new Map();
  const letter = `(?:(?![_${tables.unspaced}])[\\p{L}\\p{N}]|[${tables.indian}])`;
  const pieces = new RegExp(`([${tables.unspaced}]+)|${letter}+(?:'(?:${tables.endings})(?!${letter}))?`, "gu");
  const stem = tables.stemming ? crmkitStemmer(tables.stemming) : word => word;

  const mapped = (text, map) => Array.from(text, one => map.has(one) ? map.get(one) : one).join("");
  const lower = text => Array.from(text, one => casefold.has(one) ? casefold.get(one) : one.toLowerCase()).join("");

  function folded(cluster) {
    if (!folds.has(cluster)) {
      const plain = lower(cluster.normalize("NFKC")).normalize("NFKD").replace(marks, "").normalize("NFC");
      folds.set(cluster, mapped(mapped(lower(plain), simpler), simplified));
    }
    return folds.get(cluster);
  }

  // A mark has a combining class, by which it changes places with another mark; U+0345 has the highest.
  const isMark = one => one === "\u0345" || ("\u0345" + one).normalize("NFD")[0] !== "\u0345";

  function clusters(text) {
    const found = [];
    let cluster = "";
    for (const one of text) {
      const apart = cluster.normalize("NFKC") + one.normalize("NFKC");
      if (cluster && !isMark(one) && (cluster + one).normalize("NFKC") === apart) {
        found.push(cluster);
        cluster = "";
      }
      cluster += one;
    }
    return cluster ? [...found, cluster] : found;
  }

  function fold(text) {
    const composed = text === text.normalize("NFC") && !composing.test(text);
    return (composed ? Array.from(text) : clusters(text)).map(folded).join("");
  }

  const term = word => stem(Array.from(word).slice(0, tables.longest).join(""));
  const pairs = run => Array.from(run).slice(0, -1).map((one, place) => one + Array.from(run)[place + 1]);

  function cut(text) {
    return Array.from(fold(text).matchAll(pieces), found => {
      const spaced = found[1] === undefined;
      return {text: found[0], spaced, stopped: spaced && stop.has(found[0])};
    });
  }

  function terms(text) {
    return cut(text).filter(piece => !piece.stopped).flatMap(
      piece => piece.spaced ? [term(piece.text)] : [...Array.from(piece.text), ...pairs(piece.text)]);
  }

  return {fold, cut, term, pairs, terms};
}

function crmkitStemmer(tables) {
  const irregular = new Map(tables.irregular), untouched = new Set(tables.untouched);
  const region = new RegExp(tables.region, "uy"), first = new RegExp(tables.first, "uy");
  const short = new RegExp(tables.short, "u"), known = new Map();
  const isVowel = letter => "aeiouy".includes(letter), hasVowel = text => /[aeiouy]/.test(text);
  const ends = (word, suffixes) => suffixes.some(suffix => word.endsWith(suffix));

  function after(pattern, word, place) {
    pattern.lastIndex = place;
    return pattern.test(word) ? pattern.lastIndex : 0;
  }

  function past(word, begin) {
    const suffix = ["eedly", "ingly", "edly", "eed", "ing", "ed"].find(one => word.endsWith(one));
    if (!suffix) return word;
    const rest = word.slice(0, -suffix.length);
    if (suffix.startsWith("eed"))
      return rest.length >= begin && !["succ", "proc", "exc"].includes(rest) ? rest + "ee" : word;
    if (suffix === "ing" && untouched.has(rest)) return word;
    if (suffix === "ing" && rest.length === 2 && rest[1] === "y" && !isVowel(rest[0])) return rest[0] + "ie";
    return hasVowel(rest) ? repaired(rest, begin) : word;
  }

  function repaired(rest, begin) {
    if (ends(rest, ["at", "bl", "iz"])) return rest + "e";
    if (ends(rest, tables.doubles)) return rest.length === 3 && "aeo".includes(rest[0]) ? rest : rest.slice(0, -1);
    return rest.length === begin && short.test(rest) ? rest + "e" : rest;
  }

  function thirdPerson(word) {
    if (word.endsWith("sses")) return word.slice(0, -2);
    if (ends(word, ["ied", "ies"])) return word.slice(0, word.length > 4 ? -2 : -1);
    return word.endsWith("s") && !ends(word, ["us", "ss"]) && hasVowel(word.slice(0, -2)) ? word.slice(0, -1) : word;
  }

  function derived(word, begin) {
    const pair = tables.second.find(([suffix]) => word.endsWith(suffix));
    if (!pair) return word;
    const rest = word.slice(0, -pair[0].length), fits = {ogi: "l", li: "cdeghkmnrt"}[pair[0]];
    return rest.length < begin || (fits && !(rest && fits.includes(rest.at(-1)))) ? word : rest + pair[1];
  }

  function adjective(word, begin, second) {
    const pair = tables.third.find(([suffix]) => word.endsWith(suffix));
    if (!pair) return word;
    const rest = word.slice(0, -pair[0].length);
    return rest.length < (pair[0] === "ative" ? second : begin) ? word : rest + pair[1];
  }

  function residual(word, second) {
    const suffix = tables.fourth.find(one => word.endsWith(one));
    if (!suffix) return word;
    const rest = word.slice(0, -suffix.length);
    return rest.length < second || (suffix === "ion" && !ends(rest, ["s", "t"])) ? word : rest;
  }

  function last(word, begin, second) {
    const rest = word.slice(0, -1);
    if (word.endsWith("e"))
      return rest.length >= second || (rest.length >= begin && !short.test(rest)) ? rest : word;
    return word.endsWith("ll") && rest.length >= second ? rest : word;
  }

  function stem(given) {
    if (irregular.has(given)) return irregular.get(given);
    if (given.length < 3) return given;
    // A y at the start or after a vowel is a consonant, written Y.
    let word = "";
    for (const letter of given.replace(/^'/, ""))
      word += letter === "y" && (!word || isVowel(word.at(-1))) ? "Y" : letter;
    const begin = after(first, word, 0) || after(region, word, 0) || word.length;
    const second = after(region, word, begin) || word.length;
    word = past(thirdPerson(word.replace(/'s'$|'s$|'$/, "")), begin);
    if (word.length > 2 && "yY".includes(word.at(-1)) && !isVowel(word.at(-2))) word = word.slice(0, -1) + "i";
    word = residual(adjective(derived(word, begin), begin, second), second);
    return last(word, begin, second).replaceAll("Y", "y");
  }

  return given => {
    if (!known.has(given)) {
      // Letters beyond the first plane count as one, as they do in Python.
      const astral = given.match(/[\u{10000}-\u{10ffff}]/gu) || [];
      const plain = stem(astral.length ? given.replace(/[\u{10000}-\u{10ffff}]/gu, "\ue000") : given);
      known.set(given, astral.length ? plain.replace(/\ue000/g, () => astral.shift()) : plain);
    }
    return known.get(given);
  };
}

function crmkitSearch(index) {
  const analyzer = crmkitAnalyzer(index.analyzer), size = index.ids.length, guesses = 3, beginnings = 50;
  const numbers = new Map(index.terms.map((term, number) => [term, number]));
  const forms = new Map();
  index.words.forEach((word, place) => {
    const number = index.owners[place];
    forms.set(number, [...(forms.get(number) || []), word]);
  });

  const count = term => numbers.has(term) ? index.postings[numbers.get(term)].length : 0;
  const rarity = term => Math.log1p((size - count(term) + 0.5) / (count(term) + 0.5));
  const form = term => {
    const written = forms.get(numbers.get(term)) || [term];
    return written.reduce((best, one) => one.length < best.length ? one : best);
  };
  const generous = word => { const length = Array.from(word).length; return length < 3 ? 0 : length < 6 ? 1 : 2; };
  const spellable = word => Array.from(word).length >= 3 && /^\p{L}+$/u.test(word.replaceAll("'", ""));

  // Candidates are pairs [form, term]; those in most documents, weighted by the root of their share.
  function best(candidates, most) {
    const kept = [...candidates].sort((a, b) => count(b[1]) - count(a[1]) || (a[1] < b[1] ? -1 : 1)).slice(0, most);
    const total = kept.reduce((sum, [, term]) => sum + count(term), 0);
    return kept.map(([written, term]) => ({form: written, term, weight: Math.sqrt(count(term) / total)}));
  }

  function distance(one, other) {
    let before = [], above = Array.from({length: other.length + 1}, (_, place) => place);
    for (let row = 1; row <= one.length; row++) {
      const here = [row];
      for (let place = 1; place <= other.length; place++) {
        const changed = above[place - 1] + (one[row - 1] === other[place - 1] ? 0 : 1);
        let cost = Math.min(above[place] + 1, here[place - 1] + 1, changed);
        if (row > 1 && place > 1 && one[row - 1] === other[place - 2] && one[row - 2] === other[place - 1])
          cost = Math.min(cost, before[place - 2] + 1);
        here.push(cost);
      }
      [before, above] = [above, here];
    }
    return above[other.length];
  }

  function shorter(words) {
    const found = new Set();
    for (const word of words)
      for (let place = 0; place < word.length; place++) found.add(word.slice(0, place) + word.slice(place + 1));
    return found;
  }

  // As the table of crmkit.kb: words that have a rest in common with one of the keys, at that distance.
  function at(vocabulary, word, edits) {
    let keys = new Set([word]), last = keys;
    for (let edit = 0; edit < edits; edit++) { last = shorter(last); last.forEach(key => keys.add(key)); }
    return vocabulary.filter(other => Math.abs(other.length - word.length) <= edits && spellable(other)
      && (keys.has(other) || [...shorter([other])].some(rest => keys.has(rest))) && distance(word, other) === edits);
  }

  function firsts(pairs) {
    const found = new Map();
    for (const [written, term] of pairs) if (count(term) && !found.has(term)) found.set(term, [written, term]);
    return [...found.values()];
  }

  function guessed(word, edits) {
    if (generous(word) < edits || !spellable(word)) return null;
    let near = firsts(at(index.words, word, edits).map(one => [one, analyzer.term(one)]));
    if (!near.length) near = firsts(at(index.terms, analyzer.term(word), edits).map(one => [form(one), one]));
    if (!near.length) return null;
    const slot = best(near, guesses);
    return {used: 1, slots: [slot], note: ["corrected", [word], slot.map(one => one.form)]};
  }

  const only = term => [{term, weight: 1}];

  function split(word) {
    let rarer = 0, found = null;
    for (let cut = 2; /^\p{L}+$/u.test(word) && cut <= word.length - 2; cut++) {
      const parts = [word.slice(0, cut), word.slice(cut)], least = Math.min(...parts.map(one => count(analyzer.term(one))));
      if (least > rarer) [rarer, found] = [least, parts];
    }
    return found && {used: 1, slots: found.map(one => only(analyzer.term(one))), note: ["corrected", [word], found]};
  }

  function known(word, next) {
    const term = analyzer.term(word);
    if (next !== undefined && !(count(term) && count(analyzer.term(next)))) {
      const joined = analyzer.term(word + next);
      if (count(joined)) return {used: 2, slots: [only(joined)], note: ["corrected", [word, next], [form(joined)]]};
    }
    return count(term) ? {used: 1, slots: [only(term)], note: null} : null;
  }

  // A word that somebody is still typing: what begins like it.
  function begun(word) {
    const pairs = firsts([...index.words, ...index.terms].filter(one => one.startsWith(word))
      .map(one => [one, numbers.has(one) ? one : analyzer.term(one)]));
    return pairs.length ? {used: 1, slots: [best(pairs, beginnings)], note: null} : null;
  }

  function spaced(words, typing) {
    const slots = [], notes = [];
    for (let place = 0; place < words.length;) {
      const word = words[place], unfinished = typing && place === words.length - 1;
      const found = known(word, words[place + 1]) || (unfinished && begun(word)) || guessed(word, 1) || split(word)
        || guessed(word, 2) || {used: 1, slots: [], note: ["dropped", [word], []]};
      slots.push(...found.slots);
      if (found.note) notes.push(found.note);
      place += found.used;
    }
    return {slots, notes};
  }

  function unspaced(run) {
    const characters = Array.from(run), pairs = analyzer.pairs(run);
    return {
      slots: [...characters, ...pairs].filter(count).map(only),
      notes: characters.filter(one => !count(one)).map(one => ["dropped", [one], []]),
    };
  }

  function plan(text, typing) {
    const slots = [], notes = [], pieces = analyzer.cut(text);
    for (let place = 0; place < pieces.length;) {
      let end = place + 1;
      while (end < pieces.length && pieces[end].spaced === pieces[place].spaced) end++;
      const run = pieces.slice(place, end), kept = run.filter(piece => !piece.stopped).map(piece => piece.text);
      run.filter(piece => piece.stopped).forEach(piece => notes.push(["stopped", [piece.text], []]));
      const open = typing && end === pieces.length && /[\p{L}\p{N}]$/u.test(text);
      for (const found of run[0].spaced ? [spaced(kept, open)] : kept.map(unspaced)) {
        slots.push(...found.slots);
        notes.push(...found.notes);
      }
      place = end;
    }
    if (pieces.every(piece => piece.stopped)) notes.push(["empty", [text], []]);
    return {slots, notes};
  }

  // The numbers of the cards that have one of the words, the best first, their scores, and what became of the words.
  function search(text, typing = false) {
    const {slots, notes} = plan(text, typing), scores = new Map();
    for (const {term, weight} of slots.flat()) {
      let place = -1;
      for (const packed of index.postings[numbers.get(term)]) {
        place += Math.floor(packed / index.steps);
        scores.set(place, (scores.get(place) || 0) + weight * rarity(term) * (packed % index.steps) / index.scale);
      }
    }
    const hits = [...scores].sort((one, other) => other[1] - one[1] || one[0] - other[0]);
    const said = new Set();
    return {
      hits: hits.map(([number, score]) => ({number, score})),
      notes: notes.filter(note => !said.has(JSON.stringify(note)) && said.add(JSON.stringify(note))),
      words: slots.flat().map(one => one.term),
    };
  }

  return {search, analyzer};
}
