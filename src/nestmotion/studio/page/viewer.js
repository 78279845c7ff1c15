// Plays one or more GLB motions in one canvas, side by side, with one clock and one camera.
//
//   import {create} from './viewer.js';
//   const viewer = create(canvas);               // throws where the browser has no WebGL 2
//   await viewer.load(['a.glb', 'b.glb']);       // addresses or ArrayBuffers, one or a list
//   viewer.play();
//
// Methods     load(files), play(), pause(), seek(seconds), step(frames), resetView(),
//             orbit(yaw, pitch) in radians, zoom(factor), light(from_s, to_s), dispose()
// Read only   playing, time (seconds), duration, fps, frames, frame, tiles ([{x, y, width, height}] in
//             CSS pixels of the canvas, in the order loaded), metadata (of each file)
// Settings    speed, loop, follow, grid, path, ghosts
// Events      'load', 'play', 'pause', 'frame' (time or frame shown changed), 'layout' (tiles changed)
//
// Colours come from the canvas' CSS variables --grid, --path, --accent; the background is the page's.

import {
  DirectionalLight, GLTFLoader, HemisphereLight, OrbitControls, PerspectiveCamera, Scene, Vector3,
  WebGLRenderer,
} from './three.js';
import {Actor, understudy} from './actor.js';
import {makeGrid, makePath, makeShadowFloor} from './ground.js';

const FIELD_DEG = 28, ROOM_M = {width: 1.7, height: 2.25}; // what must fit around a figure
const VIEW = {yaw: 0.6, pitch: 0.2}; // from the figure's left front, a little above
const SMOOTH_S = 1 / 30, SLOW_S = 1 / 18; // between two pictures
const SUN = new Vector3(1.6, 4, 1.9);

export const create = canvas => new Viewer(canvas);

class Viewer extends EventTarget {
  #canvas; #renderer; #scene = new Scene(); #actors = []; #sun; #grid; #floor; #camera; #controls;
  #time = 0; #playing = false; #lastTick = null; #stale = true; #request = 0; #loading = 0;
  #settings = {speed: 1, loop: true, follow: true, grid: true, path: true, ghosts: false};
  #lit = [1, 0]; #tiles = []; #watchers = []; #colours = {};
  #far = 1; #sharpness = 1; #pace = 0; #understudies = [];

  constructor(canvas) {
    super();
    this.#canvas = canvas;
    this.#renderer = new WebGLRenderer({canvas, antialias: true, alpha: true, powerPreference: 'high-performance'});
    this.#renderer.shadowMap.enabled = true;
    this.#renderer.setScissorTest(true);
    this.#renderer.setClearAlpha(0);
    this.#furnish();
    this.#camera = new PerspectiveCamera(FIELD_DEG, 1, 0.05, 80);
    this.#controls = new OrbitControls(this.#camera, canvas);
    this.#controls.enablePan = false;
    this.#controls.minDistance = 1.2;
    this.#controls.maxPolarAngle = 1.62;
    this.#controls.addEventListener('change', () => this.#invalidate());
    this.#watch();
    this.#readColours();
    this.resetView();
    this.#request = requestAnimationFrame(now => this.#tick(now));
  }

  #furnish() {
    this.#sun = new DirectionalLight('#ffffff', 2.1);
    this.#sun.castShadow = true;
    this.#sun.shadow.mapSize.set(1024, 1024);
    this.#sun.shadow.radius = 3;
    this.#sun.shadow.normalBias = 0.02;
    Object.assign(this.#sun.shadow.camera, {left: -1.6, right: 1.6, top: 1.9, bottom: -1.6, near: 0.5, far: 9});
    this.#grid = makeGrid();
    this.#floor = makeShadowFloor();
    this.#understudies = [understudy(), makePath([new Vector3(), new Vector3(0, 0, 0.01)], 1)];
    this.#scene.add(new HemisphereLight('#ffffff', '#b9a58c', 1.75), this.#sun, this.#sun.target, this.#grid, this.#floor, ...this.#understudies);
  }

  // The size of the canvas and the page's colours may change at any time.
  #watch() {
    const sizes = new ResizeObserver(() => { this.#invalidate(); this.#fit(); });
    sizes.observe(this.#canvas);
    const themes = new MutationObserver(() => this.#readColours());
    themes.observe(document.documentElement, {attributes: true, attributeFilter: ['data-theme']});
    const dark = matchMedia('(prefers-color-scheme: dark)'), change = () => this.#readColours();
    dark.addEventListener('change', change);
    this.#watchers = [() => sizes.disconnect(), () => themes.disconnect(), () => dark.removeEventListener('change', change)];
  }

  #readColours() {
    const style = getComputedStyle(this.#canvas);
    for (const name of ['grid', 'path', 'accent']) this.#colours[name] = style.getPropertyValue(`--${name}`).trim() || '#808080';
    this.#grid.material.uniforms.paint.value.set(this.#colours.grid);
    for (const {ribbon} of this.#actors) this.#paint(ribbon);
    this.#invalidate();
  }

  #paint(ribbon) {
    ribbon.material.uniforms.paint.value.set(this.#colours.path);
    ribbon.material.uniforms.accent.value.set(this.#colours.accent);
  }

  // ---- Motions

  // Replaces what is shown. Keeps time and camera when as many motions of the same length come again.
  async load(files) {
    const turn = ++this.#loading, loader = new GLTFLoader();
    const loaded = await Promise.all([files].flat().map(async file => {
      const data = file instanceof ArrayBuffer ? file : await download(file);
      return loader.parseAsync(data, '');
    }));
    if (turn !== this.#loading) return; // a later call has overtaken this one
    const before = [this.#actors.length, this.frames].join();
    for (const {actor, ribbon} of this.#actors) {
      this.#scene.remove(actor.group, actor.ghosts, ribbon);
      actor.dispose();
      ribbon.geometry.dispose();
    }
    this.#actors = loaded.map(gltf => {
      const actor = new Actor(gltf), ribbon = makePath(actor.path, actor.fps);
      this.#paint(ribbon);
      this.#scene.add(actor.group, actor.ghosts, ribbon);
      return {actor, ribbon};
    });
    this.#fit();
    if ([this.#actors.length, this.frames].join() !== before) {
      this.#time = 0;
      this.resetView();
    }
    this.#lit = [1, 0];
    this.#draw();
    this.#tell('load');
  }

  get metadata() { return this.#actors.map(({actor}) => actor.metadata); }

  // ---- Time

  get playing() { return this.#playing; }
  get fps() { return this.#actors[0]?.actor.fps ?? 20; }
  get frames() { return Math.max(0, ...this.#actors.map(({actor}) => actor.frames)); }
  get duration() { return this.frames / this.fps; }
  get time() { return this.#time; }
  get frame() { return Math.max(0, Math.min(Math.floor(this.#time * this.fps + 1e-4), this.frames - 1)); }

  play() {
    if (!this.frames || this.#playing) return;
    if (!this.loop && this.frame >= this.frames - 1) this.seek(0);
    this.#playing = true;
    this.#lastTick = null;
    this.#tell('play');
  }

  pause() {
    if (!this.#playing) return;
    this.#playing = false;
    this.#sharpness = 1;
    this.#invalidate();
    this.#tell('pause');
  }

  seek(seconds) {
    this.#time = Math.max(0, Math.min(seconds, (this.frames - 1) / this.fps)) || 0;
    this.#invalidate();
    this.#tell('frame');
  }

  step(frames) {
    this.pause();
    this.seek((this.frame + frames) / this.fps);
  }

  #tick(now) {
    this.#request = requestAnimationFrame(next => this.#tick(next));
    const passed = this.#lastTick === null ? 0 : Math.min(0.25, (now - this.#lastTick) / 1000);
    this.#lastTick = now;
    if (this.#playing) {
      this.#advance(passed * this.speed);
      this.#adapt(passed);
    }
    if (this.#stale) this.#draw();
  }

  // Where pictures come slower than the motion's frames, as without a graphics card, they get coarser; a
  // motion that stands is drawn sharp again.
  #adapt(passed) {
    this.#pace = passed ? 0.85 * this.#pace + 0.15 * passed : SMOOTH_S;
    if (this.#pace < SLOW_S || this.#sharpness < 0.4) return;
    this.#sharpness *= 0.75;
    this.#pace = SMOOTH_S;
  }

  // The last frame is shown as long as any other before the motion starts anew.
  #advance(seconds) {
    const next = this.#time + seconds;
    if (next < this.duration) this.#time = next;
    else if (this.loop) this.#time = next % this.duration;
    else {
      this.#time = (this.frames - 1) / this.fps;
      this.pause();
    }
    this.#invalidate();
    this.#tell('frame');
  }

  // ---- View

  get tiles() { return this.#tiles; }

  // Brings the camera back to where it looks at the figures from their left front.
  resetView() {
    const far = this.#far = this.#reach();
    const target = this.#controls.target.set(0, this.#actors[0]?.actor.height ?? 0.9, 0);
    const {yaw, pitch} = VIEW;
    this.#camera.position.set(Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch))
      .multiplyScalar(far).add(target);
    this.#controls.maxDistance = 3 * far;
    this.#controls.update();
    this.#invalidate();
  }

  // How far away the camera must be for a figure, or its whole path, to fit its tile.
  #reach() {
    const {width, height} = this.#tiles[0] ?? {width: 1, height: 1}, half = Math.tan(FIELD_DEG * Math.PI / 360);
    const span = this.follow ? 0 : Math.max(0, ...this.#actors.map(({actor}) => actor.extent().span));
    return Math.max((ROOM_M.height + 0.35 * span) / 2 / half, (ROOM_M.width + span) / 2 / half * (height / width));
  }

  orbit(yaw, pitch) {
    const {position} = this.#camera, {target} = this.#controls, away = position.clone().sub(target);
    const far = away.length(), turned = Math.atan2(away.x, away.z) + yaw;
    const tilted = Math.max(-0.05, Math.min(1.5, Math.asin(away.y / far) + pitch));
    position.set(Math.sin(turned) * Math.cos(tilted), Math.sin(tilted), Math.cos(turned) * Math.cos(tilted))
      .multiplyScalar(far).add(target);
    this.#controls.update();
  }

  zoom(factor) {
    const {target, minDistance, maxDistance} = this.#controls, away = this.#camera.position.clone().sub(target);
    const far = Math.max(minDistance, Math.min(maxDistance, away.length() / factor));
    this.#camera.position.copy(target).addScaledVector(away.normalize(), far);
    this.#controls.update();
  }

  // Paints the stretch of the paths between two times in the accent colour; light() ends that.
  light(from = 1, to = 0) {
    this.#lit = [from, to];
    this.#invalidate();
  }

  // As many columns as make the figures largest.
  #fit() {
    const {clientWidth: width, clientHeight: height} = this.#canvas, count = Math.max(1, this.#actors.length);
    const size = columns => Math.min(width / columns / ROOM_M.width, height / Math.ceil(count / columns) / ROOM_M.height);
    let columns = 1;
    for (let tried = 2; tried <= count; tried++) if (size(tried) > size(columns)) columns = tried;
    const wide = width / columns, high = height / Math.ceil(count / columns);
    const tiles = Array.from({length: count}, (_, k) =>
      ({x: wide * (k % columns), y: high * Math.floor(k / columns), width: wide, height: high}));
    if (JSON.stringify(tiles) === JSON.stringify(this.#tiles)) return;
    this.#tiles = tiles;
    const before = this.#far;
    this.#far = this.#reach();
    this.#controls.maxDistance = 3 * this.#far;
    this.zoom(before / this.#far);
    this.#tell('layout');
  }

  #invalidate() { this.#stale = true; }

  #draw() {
    this.#stale = false;
    const {clientWidth: width, clientHeight: height} = this.#canvas;
    if (!width || !height) return;
    if (!this.#tiles.length) this.#fit();
    this.#size(width, height);
    for (const {actor, ribbon} of this.#actors) for (const part of [actor.group, actor.ghosts, ribbon]) part.visible = false;
    const eye = this.#camera.position.clone(), turn = this.#camera.quaternion.clone();
    for (const [k, tile] of this.#tiles.entries()) {
      const bottom = height - tile.y - tile.height;
      this.#renderer.setViewport(tile.x, bottom, tile.width, tile.height);
      this.#renderer.setScissor(tile.x, bottom, tile.width, tile.height);
      this.#camera.aspect = tile.width / tile.height;
      this.#camera.updateProjectionMatrix();
      this.#drawTile(this.#actors[k], eye);
    }
    this.#camera.position.copy(eye);
    this.#camera.quaternion.copy(turn);
    for (const mesh of this.#understudies) mesh.visible = false;
  }

  #size(width, height) {
    const ratio = Math.min(devicePixelRatio || 1, 2) * this.#sharpness, {width: w, height: h} = this.#canvas;
    if (w === Math.floor(width * ratio) && h === Math.floor(height * ratio)) return;
    this.#renderer.setPixelRatio(ratio);
    this.#renderer.setSize(width, height, false);
  }

  #drawTile(shown, eye) {
    const place = new Vector3();
    if (shown) {
      const {actor, ribbon} = shown;
      actor.pose(this.#time);
      actor.group.visible = true;
      actor.showGhosts(this.ghosts, this.#colours.path, this.#time);
      ribbon.visible = this.path;
      const {now, litFrom, litTo} = ribbon.material.uniforms;
      [now.value, litFrom.value, litTo.value] = [this.#time, ...this.#lit];
      place.copy(this.follow ? actor.placeAt(this.#time) : actor.extent().middle);
      const under = actor.path[Math.min(this.frame, actor.frames - 1)].clone().setY(0);
      this.#sun.target.position.copy(under);
      this.#sun.position.copy(under).add(SUN);
      this.#floor.position.copy(under);
    }
    this.#grid.visible = this.grid;
    this.#grid.material.uniforms.middle.value.copy(place);
    this.#camera.position.copy(eye).add(place);
    this.#renderer.render(this.#scene, this.#camera);
    if (shown) shown.actor.group.visible = shown.actor.ghosts.visible = shown.ribbon.visible = false;
  }

  #tell(what) { this.dispatchEvent(new Event(what)); }

  dispose() {
    cancelAnimationFrame(this.#request);
    for (const stop of this.#watchers) stop();
    for (const {actor} of this.#actors) actor.dispose();
    this.#controls.dispose();
    this.#renderer.dispose();
  }

  static {
    for (const name of ['speed', 'loop', 'follow', 'grid', 'path', 'ghosts']) {
      Object.defineProperty(this.prototype, name, {
        get() { return this.#settings[name]; },
        set(value) {
          this.#settings[name] = value;
          if (name === 'follow') this.resetView();
          this.#invalidate();
        },
      });
    }
  }
}

async function download(address) {
  const reply = await fetch(address);
  if (!reply.ok) throw new Error(`${address}: ${reply.status} ${reply.statusText}`);
  return reply.arrayBuffer();
}
