// Playback and view: the buttons under the stage and the keys.

const $ = id => document.getElementById(id);
const SWITCHES = ['loop', 'follow', 'grid', 'path', 'ghosts'];
const ICONS = {play: 'M2 1v12l10-6z', pause: 'M2 1h4v12H2zM8 1h4v12H8z'};
const TURN_RAD = 0.15;

// choose(k): the k-th motion on the stage is the one that is meant.
export function connect(viewer, timeline, choose) {
  const toggle = () => (viewer.playing ? viewer.pause() : viewer.play());
  $('play').onclick = toggle;
  $('back').onclick = () => viewer.step(-1);
  $('next').onclick = () => viewer.step(1);
  $('reset').onclick = () => viewer.resetView();
  $('speed').onchange = () => { viewer.speed = Number($('speed').value); };
  $('scrub').oninput = () => { viewer.pause(); viewer.seek(Number($('scrub').value) / viewer.fps); };
  for (const name of SWITCHES) $(name).onchange = () => { viewer[name] = $(name).checked; };

  const showTime = () => {
    const seconds = Math.min(viewer.time, Math.max(0, viewer.frames - 1) / viewer.fps);
    $('clock').value = `${seconds.toFixed(2)} s · frame ${viewer.frame + 1} of ${viewer.frames}`;
    timeline.setFrame(viewer.frame, viewer.frames);
  };
  const showState = () => {
    $('play-icon').setAttribute('d', viewer.playing ? ICONS.pause : ICONS.play);
    $('play').setAttribute('aria-label', viewer.playing ? 'Pause' : 'Play');
  };
  for (const event of ['frame', 'load']) viewer.addEventListener(event, showTime);
  for (const event of ['play', 'pause']) viewer.addEventListener(event, showState);

  const flip = name => { $(name).checked = !$(name).checked; $(name).onchange(); };
  const faster = step => {
    const speed = $('speed');
    speed.selectedIndex = Math.max(0, Math.min(speed.options.length - 1, speed.selectedIndex + step));
    speed.onchange();
  };
  const everywhere = {
    ' ': toggle, ArrowLeft: () => viewer.step(-1), ArrowRight: () => viewer.step(1),
    Home: () => viewer.step(-viewer.frames), End: () => viewer.step(viewer.frames),
  };
  const onStage = {
    l: () => flip('loop'), f: () => flip('follow'), g: () => flip('grid'), p: () => flip('path'), t: () => flip('ghosts'),
    '+': () => viewer.zoom(1.15), '=': () => viewer.zoom(1.15), '-': () => viewer.zoom(1 / 1.15), 0: () => viewer.resetView(),
    '[': () => faster(-1), ']': () => faster(1),
  };
  const turns = {ArrowLeft: [-TURN_RAD, 0], ArrowRight: [TURN_RAD, 0], ArrowUp: [0, TURN_RAD], ArrowDown: [0, -TURN_RAD]};

  addEventListener('keydown', event => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !viewer.frames) return;
    const stage = event.target === $('view'), key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    let act = everywhere[key];
    if (stage && event.shiftKey && turns[key]) act = () => viewer.orbit(...turns[key]);
    else if (stage && !act) act = /^[1-8]$/.test(key) ? () => choose(Number(key) - 1) : onStage[key];
    if (!act || (!stage && takes(event.target, key))) return;
    event.preventDefault();
    act();
  });
}

// Whether the element does something of its own with that key.
function takes(element, key) {
  if (element.closest('dialog, textarea, select, input:not([type=checkbox])')) return true;
  return key === ' ' && Boolean(element.closest('button, summary, a, input'));
}
