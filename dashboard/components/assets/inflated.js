// What `packed` in packed.py made: a promise of the values.
export const inflated = data =>
  new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
