// One motion on the stage: what a GLB file holds, posed at any time.

import {
  AnimationMixer, Bone, BufferAttribute, BufferGeometry, Color, Group, Mesh, MeshBasicMaterial,
  MeshStandardMaterial, Skeleton, SkinnedMesh, Vector3,
} from './three.js';

// As in the HTML player: the mannequin's left limbs are orange, its right limbs blue.
const TINTS = {left: new Color('#d9773f'), right: new Color('#5c87b6'), other: new Color('#dab180')};
const GHOST_EVERY_S = 0.5, GHOSTS_SHOWN = 4, GHOST_OPACITY = 0.34;
const CALM_S = 0.4; // the camera follows the mean of the path this long before and after

export class Actor {
  // gltf: what GLTFLoader makes of a file with one skinned mesh and one animation.
  constructor(gltf) {
    this.group = gltf.scene;
    this.mesh = null;
    this.group.traverse(node => { if (node.isSkinnedMesh && !this.mesh) this.mesh = node; });
    const [clip] = gltf.animations;
    if (!this.mesh || !clip) throw new Error('the file holds no moving figure');
    this.group.updateMatrixWorld(true);
    this.height = this.mesh.skeleton.bones[0].getWorldPosition(new Vector3()).y; // of the hips, standing
    this.mixer = new AnimationMixer(this.group);
    this.action = this.mixer.clipAction(clip);
    this.action.play();
    const told = gltf.scene.userData.nestmotion ?? {};
    this.metadata = told.metadata ?? {};
    this.fps = told.fps > 0 ? told.fps : 30;
    this.frames = Math.max(1, Math.round(clip.duration * this.fps) + 1);
    this.last = clip.duration;
    this.#dress();
    this.path = this.#walk();
    this.ghosts = new Group();
    this.ghosts.visible = false;
    this.ghostTimes = [];
  }

  #dress() {
    const {geometry, skeleton} = this.mesh;
    const sides = skeleton.bones.map(bone => /^(left|right)/i.exec(bone.name)?.[0].toLowerCase() ?? 'other');
    const joints = geometry.getAttribute('skinIndex'), shares = geometry.getAttribute('skinWeight');
    const colours = new Float32Array(3 * joints.count);
    for (let v = 0; v < joints.count; v++) {
      const main = shares.getX(v) >= shares.getY(v) ? joints.getX(v) : joints.getY(v);
      TINTS[sides[main]].toArray(colours, 3 * v);
    }
    geometry.setAttribute('color', new BufferAttribute(colours, 3));
    dress(this.mesh);
  }

  // Where the hips are at each frame, in metres.
  #walk() {
    const hips = this.mesh.skeleton.bones[0];
    return Array.from({length: this.frames}, (_, frame) => {
      this.pose(frame / this.fps);
      return hips.getWorldPosition(new Vector3());
    });
  }

  // Show the pose at a time in seconds; beyond the end, the last one.
  pose(seconds) {
    this.action.time = Math.min(Math.max(seconds, 0), this.last);
    this.mixer.update(0);
    this.group.updateMatrixWorld(true);
  }

  // The point on the floor that a camera following the figure looks at.
  placeAt(seconds) {
    const reach = Math.round(CALM_S * this.fps), at = seconds * this.fps;
    const place = new Vector3();
    let sum = 0;
    for (let k = Math.ceil(at) - reach; k <= Math.floor(at) + reach; k++) {
      const near = 1 - Math.abs(k - at) / (reach + 1);
      place.addScaledVector(this.path[Math.min(Math.max(k, 0), this.frames - 1)], near);
      sum += near;
    }
    return place.divideScalar(sum).setY(0);
  }

  // Middle of the path over the floor, and the length of the box around it.
  extent() {
    const [low, high] = [this.path[0].clone(), this.path[0].clone()];
    for (const p of this.path) { low.min(p); high.max(p); }
    const middle = low.clone().add(high).multiplyScalar(0.5).setY(0);
    return {middle, span: Math.hypot(high.x - low.x, high.z - low.z)};
  }

  // Still copies at fixed times; made once, when first asked for.
  showGhosts(on, colour, seconds) {
    this.ghosts.visible = on;
    if (!on) return;
    if (!this.ghostTimes.length) this.#makeGhosts(seconds);
    for (const [k, ghost] of this.ghosts.children.entries()) {
      const age = (seconds - this.ghostTimes[k]) / GHOST_EVERY_S;
      ghost.visible = age > 0.3 && age <= GHOSTS_SHOWN;
      const paint = ghost.children[1].material;
      paint.color.set(colour);
      paint.opacity = GHOST_OPACITY * (1 - (age - 0.3) / GHOSTS_SHOWN) * Math.min(1, 4 * (age - 0.3));
    }
  }

  #makeGhosts(seconds) {
    const hidden = new MeshBasicMaterial({colorWrite: false, transparent: true});
    for (let time = 0; time <= this.last; time += GHOST_EVERY_S) {
      this.pose(time);
      const shape = this.#still(), ghost = new Group();
      // Depth first, so that limbs of one ghost in front of one another are not painted twice.
      const veil = new MeshStandardMaterial({transparent: true, depthWrite: false, roughness: 1});
      ghost.add(new Mesh(shape, hidden), new Mesh(shape, veil));
      ghost.children.forEach((mesh, order) => { mesh.renderOrder = 10 + 2 * this.ghostTimes.length + order; });
      this.ghosts.add(ghost);
      this.ghostTimes.push(time);
    }
    this.pose(seconds);
  }

  // The mesh as it stands now, without bones.
  #still() {
    const {geometry} = this.mesh, rest = geometry.getAttribute('position');
    const points = new Float32Array(3 * rest.count), point = new Vector3();
    for (let v = 0; v < rest.count; v++) {
      this.mesh.getVertexPosition(v, point).applyMatrix4(this.mesh.matrixWorld).toArray(points, 3 * v);
    }
    const shape = new BufferGeometry();
    shape.setAttribute('position', new BufferAttribute(points, 3));
    shape.setIndex(geometry.index);
    shape.computeVertexNormals();
    return shape;
  }

  dispose() {
    this.mixer.stopAllAction();
    for (const root of [this.group, this.ghosts]) {
      root.traverse(node => { node.geometry?.dispose(); node.material?.dispose(); });
    }
  }
}

function dress(mesh) {
  mesh.material = new MeshStandardMaterial({vertexColors: true, roughness: 0.62, metalness: 0});
  mesh.castShadow = true;
  mesh.frustumCulled = false; // its bounds are those of the rest pose
}

// A triangle of a millimetre that needs the same shaders as any other: drawn once while the person still types,
// it spares the first motion their translation, which takes most of a second without a graphics card.
export function understudy() {
  const shape = new BufferGeometry();
  for (const [name, size] of [['position', 3], ['normal', 3], ['color', 3], ['skinWeight', 4]]) {
    shape.setAttribute(name, new BufferAttribute(new Float32Array(3 * size).fill(0.5), size));
  }
  shape.getAttribute('position').set([0, 1, 0, 0.001, 1, 0, 0, 1.001, 0]);
  shape.setAttribute('skinIndex', new BufferAttribute(new Uint8Array(12), 4));
  shape.setIndex(new BufferAttribute(Uint16Array.of(0, 1, 2), 1));
  const mesh = new SkinnedMesh(shape), bone = new Bone();
  mesh.add(bone);
  mesh.bind(new Skeleton([bone]));
  dress(mesh);
  return mesh;
}
