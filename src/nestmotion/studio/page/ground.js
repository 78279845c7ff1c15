// What lies on the floor: the grid, the way that the hips take, and the shadow.

import {
  BufferAttribute, BufferGeometry, Color, DoubleSide, Mesh, PlaneGeometry, ShaderMaterial, ShadowMaterial,
  Vector3,
} from './three.js';

const REACH_M = 9, SHADOW_M = 1.8, CELL_M = 0.5, HALF_WIDTH_M = 0.012, DOT_M = 0.035;
// Nothing on the floor writes depth: what comes later in this order is painted over what came before.
const ORDER = {grid: 1, shadow: 2, path: 3};
const flat = {transparent: true, depthWrite: false, side: DoubleSide};

export function makeGrid() {
  const material = new ShaderMaterial({
    ...flat,
    uniforms: {middle: {value: new Vector3()}, paint: {value: new Color()}, strength: {value: 0.3}},
    vertexShader: `
      uniform vec3 middle; varying vec2 place;
      void main() {
        vec3 p = vec3(middle.x + position.x, 0.0, middle.z + position.z);
        place = p.xz;
        gl_Position = projectionMatrix * viewMatrix * vec4(p, 1.0);
      }`,
    fragmentShader: `
      uniform vec3 middle, paint; uniform float strength; varying vec2 place;
      void main() {
        vec2 at = place / ${CELL_M.toFixed(3)}, wide = fwidth(at);
        vec2 line = clamp(1.0 - abs(fract(at - 0.5) - 0.5) / wide, 0.0, 1.0) * min(vec2(1.0), 0.3 / wide);
        float fade = 1.0 - min(length(place - middle.xz) / ${REACH_M.toFixed(3)}, 1.0);
        gl_FragColor = vec4(paint, strength * fade * max(line.x, line.y));
        #include <colorspace_fragment>
      }`,
  });
  const grid = new Mesh(floorPlane(REACH_M), material);
  grid.frustumCulled = false;
  grid.renderOrder = ORDER.grid;
  return grid;
}

export function makeShadowFloor() {
  const floor = new Mesh(floorPlane(SHADOW_M), new ShadowMaterial({transparent: true, depthWrite: false, opacity: 0.26}));
  floor.receiveShadow = true;
  floor.renderOrder = ORDER.shadow;
  return floor;
}

function floorPlane(reach) {
  return new PlaneGeometry(2 * reach, 2 * reach).rotateX(-Math.PI / 2);
}

// A ribbon along a path with a dot each second; what is past is stronger, what is lit is in the accent.
export function makePath(path, fps) {
  const corners = [], times = [];
  const add = (x, z, time) => { corners.push(x, 0, z); times.push(time); };
  for (let k = 0; k + 1 < path.length; k++) {
    const [a, b] = [path[k], path[k + 1]], size = Math.hypot(b.x - a.x, b.z - a.z);
    if (size < 1e-5) continue;
    const [nx, nz] = [HALF_WIDTH_M * (b.z - a.z) / size, -HALF_WIDTH_M * (b.x - a.x) / size];
    const [s, e] = [k / fps, (k + 1) / fps];
    for (const [p, side, time] of [[a, 1, s], [a, -1, s], [b, 1, e], [b, 1, e], [a, -1, s], [b, -1, e]]) {
      add(p.x + side * nx, p.z + side * nz, time);
    }
  }
  for (let k = 0; k < path.length; k += Math.round(fps)) {
    for (let part = 0; part < 12; part++) {
      const [from, to] = [part, part + 1].map(n => n * Math.PI / 6), {x, z} = path[k];
      add(x, z, k / fps);
      add(x + DOT_M * Math.cos(from), z + DOT_M * Math.sin(from), k / fps);
      add(x + DOT_M * Math.cos(to), z + DOT_M * Math.sin(to), k / fps);
    }
  }
  const shape = new BufferGeometry();
  shape.setAttribute('position', new BufferAttribute(Float32Array.from(corners), 3));
  shape.setAttribute('time', new BufferAttribute(Float32Array.from(times), 1));
  const material = new ShaderMaterial({
    ...flat,
    uniforms: {
      now: {value: 0}, litFrom: {value: 1}, litTo: {value: 0},
      paint: {value: new Color()}, accent: {value: new Color()},
    },
    vertexShader: `
      attribute float time; varying float at;
      void main() { at = time; gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0); }`,
    fragmentShader: `
      uniform float now, litFrom, litTo; uniform vec3 paint, accent; varying float at;
      void main() {
        bool lit = at >= litFrom && at <= litTo;
        gl_FragColor = vec4(lit ? accent : paint, lit ? 0.95 : (at <= now ? 0.8 : 0.32));
        #include <colorspace_fragment>
      }`,
  });
  const ribbon = new Mesh(shape, material);
  ribbon.frustumCulled = false;
  ribbon.renderOrder = ORDER.path;
  return ribbon;
}
