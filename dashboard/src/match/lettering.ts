/** Players' names for the map, each written once and copied from then on: outlined, they were a third of what a picture cost. */
export const NAME_PX = 10.5;
const OUTLINE_PX = 3;
const LETTERS_MAX = 12;
/** More than any match has players; a match whose players change their names all the time does not fill the memory. */
const KEPT = 256;

export interface Written {
  canvas: HTMLCanvasElement;
  /** Of the letters, in the canvas's pixels. */
  wide: number;
  /** From the canvas's top to the line on which the letters stand. */
  base: number;
}

export class Lettering {
  private readonly known = new Map<string, Written>();
  private font = "";
  private px = 0;

  /** Other colours, another font or another size: all are written anew. */
  forget(): void {
    this.known.clear();
    this.font = "";
  }

  /**
   * A name on a ground of its own.
   *
   * @param px one CSS pixel.
   * @param style the map's; asked for its font once, as each question may have the page's styles made anew.
   */
  written(name: string, px: number, colour: (name: string) => string, style: CSSStyleDeclaration): Written {
    if (px !== this.px || this.known.size > KEPT) this.forget();
    this.px = px;
    const known = this.known.get(name);
    if (known !== undefined) return known;
    this.font ||= `600 ${NAME_PX * px}px ${style.fontFamily}`;
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d")!;
    const short = name.length > LETTERS_MAX ? `${name.slice(0, LETTERS_MAX - 1)}…` : name;
    context.font = this.font;
    const { width, actualBoundingBoxAscent: above, actualBoundingBoxDescent: below } = context.measureText(short);
    const base = Math.ceil(above + OUTLINE_PX * px);
    canvas.width = 2 * Math.ceil(width / 2 + OUTLINE_PX * px);
    canvas.height = base + Math.ceil(below + OUTLINE_PX * px);
    // A canvas that takes another size forgets how it writes.
    context.font = this.font;
    context.textAlign = "center";
    context.lineWidth = OUTLINE_PX * px;
    context.strokeStyle = colour("--pitch");
    context.fillStyle = colour("--ink");
    context.strokeText(short, canvas.width / 2, base);
    context.fillText(short, canvas.width / 2, base);
    const written = { canvas, wide: width, base };
    this.known.set(name, written);
    return written;
  }
}
