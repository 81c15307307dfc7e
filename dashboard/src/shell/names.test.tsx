// @vitest-environment jsdom
import { render } from "@testing-library/react";
import { expect, it } from "vitest";
import { isolated, Sentence } from "./names.js";

const RIGHT_TO_LEFT = ["שחר", "محمد", "a שחר", "\u202eevil", "\u{1e900}\u{1e901}"];

it.each(["Aster", "I. Perišić", "Кто-то", "名前", "<img onerror=…>", ""])("%s stays as it is", (name) => expect(isolated(name)).toBe(name));

it.each(RIGHT_TO_LEFT)("%s is an element of its own in a sentence", (name) => {
  const { container } = render(<Sentence text={`Goal by ${isolated(name)} (3′)`} />);
  const [found] = container.getElementsByTagName("bdi");
  expect(found!.textContent).toBe(name.replace("\u202e", ""));
  expect(found!.nextSibling!.textContent).toBe(" (3′)");
});

it("does not let a name end its isolation", () => {
  const { container } = render(<Sentence text={`${isolated("\u2069שחר\u2069 9\u2066")} 0 : ${isolated("محمد")} 1`} />);
  expect([...container.getElementsByTagName("bdi")].map(({ textContent }) => textContent)).toEqual(["שחר 9", "محمد"]);
  expect(container.textContent).not.toMatch(/[\u2066-\u2069]/);
});
