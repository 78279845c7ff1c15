"""Words of movement: what the parser looks up instead of deciding in code.

Chosen by reading captions of motion capture. A list names what its words do in a caption, so a word
may stand in several ("left" is a direction and a form of "leave").
"""

from __future__ import annotations

__all__ = [
    "ADVERBS_OF_TIME",
    "AFTER",
    "AGENTS",
    "AIMS",
    "ALWAYS_DESCRIBED",
    "BACK",
    "BEFORE",
    "BODY_PARTS",
    "CONNECTIVES",
    "COPULA",
    "COUNTED",
    "COUNTS",
    "DESCRIBED",
    "DESCRIBING",
    "DIRECTIONS",
    "DOUBLE_PREPOSITIONS",
    "ENDING",
    "EVENT_NOUNS",
    "FILLERS",
    "GOAL_PREPOSITIONS",
    "GOING",
    "HAVING",
    "LEADING",
    "LEADING_LINKS",
    "LINKS",
    "LOOKING",
    "MANNER_NOUNS",
    "MANNER_PREPOSITIONS",
    "MANNER_WORDS",
    "MARKERS",
    "MOTION",
    "NEVER_VERBS",
    "NOUN_PREPOSITIONS",
    "PATH_PREPOSITIONS",
    "PATH_SHAPES",
    "PLACES",
    "POSTURES",
    "PREPOSITIONS",
    "PRONOUNS",
    "RELATIVES",
    "ROLES",
    "STATIVE",
    "THEN",
    "TOOL",
    "WHILE",
    "WITH",
]

IRREGULAR = {
    "run": "ran runs running",
    "stand": "stood",
    "sit": "sat siting",
    "kneel": "knelt",
    "swing": "swung",
    "spin": "spun",
    "bend": "bent",
    "throw": "threw thrown thows trows",
    "catch": "caught",
    "hold": "held",
    "fall": "fell fallen",
    "rise": "rose risen",
    "get": "got gotten",
    "take": "took taken",
    "make": "made",
    "do": "did does done",
    "go": "went goes gone",
    "come": "came",
    "begin": "began begun",
    "keep": "kept",
    "leave": "left",
    "lead": "led",
    "bring": "brought",
    "shake": "shook shaken",
    "strike": "struck",
    "hit": "hits hitting",
    "put": "puts putting",
    "set": "sets setting",
    "lie": "lying lain",
    "lay": "laid",
    "swim": "swam",
    "eat": "ate eaten",
    "drink": "drank drunk",
    "wind": "wound",
    "be": "is are was were am been being 's 're 'm",
    "have": "has had having 've",
    "see": "saw seen",
    "feel": "felt",
    "know": "knew known",
    "think": "thought",
    "find": "found",
    "say": "said",
    "let": "lets letting",
    "quit": "quits quitting",
    "mimic": "mimicking mimicked mimick",
    "hang": "hung",
    "slide": "slid",
    "sleep": "slept",
    "sweep": "swept",
    "spread": "spreads",
    "seat": "seated",
    "mean": "meant",
    "become": "became",
    "show": "shown",
    "walk": "walsk wakls wlaks waks",
    "step": "stepps",
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _forms(lemma: str) -> set[str]:
    """Inflected forms by rule, with doubled and single consonant both ("stepping", "steping")."""
    found = {lemma, lemma + "s", lemma + "es", lemma + "ed", lemma + "ing", lemma + lemma[-1] + "ed"}
    found |= {lemma + lemma[-1] + "ing"}
    if lemma.endswith("e"):
        found |= {lemma + "d", lemma[:-1] + "ing"}
    if lemma.endswith("y"):
        found |= {lemma[:-1] + "ies", lemma[:-1] + "ied"}
    return found | set(IRREGULAR.get(lemma, "").split())


def _verbs(lemmas: str) -> frozenset[str]:
    "All forms of the verbs named."
    return frozenset(form for lemma in lemmas.split() for form in _forms(lemma))


# What a phrase is about.
ROLES = (
    "motion",  # the verb with its helpers: "starts to walk"
    "agent",  # who moves: "a person"
    "object",  # what is acted on: "a ball"
    "body_part",  # what moves: "his right hand", "with both arms raised"
    "goal",  # where to: "towards the chair", "to his chest"
    "path",  # along what: "in a circle", "over a box", "from the chair"
    "direction",  # "forward", "to the left", "clockwise"
    "place",  # "in place", "on the floor"
    "manner",  # "slowly", "like a chicken", "in a happy way"
    "count",  # how often, how many, how far, how long: "twice", "four steps", "180 degrees"
    "time_order",  # "and then", "before"
    "simultaneity",  # "while", "at the same time"
    "link",  # "and", "but", "by"
    "state",  # how somebody is meanwhile: "bent over"
    "other",
)

AGENTS = _words(
    "person persons people man men woman women guy girl boy human figure stickman someone somebody he "
    "she they it character individual subject toon sim actor model dancer fighter player animal dog "
    "monkey zombie robot child kid baby lady dude user who i you we"
)
BODY_PARTS = _words(
    "arm arms hand hands leg legs foot feet knee knees elbow elbows shoulder shoulders head neck "
    "torso chest waist hip hips body finger fingers thumb thumbs fist fists palm palms wrist wrists "
    "ankle ankles toe toes heel heels thigh thighs shin shins calf calves forearm forearms bicep "
    "biceps face chin nose mouth ear ears eye eyes hair back belly stomach abdomen buttocks butt "
    "bottom spine limb limbs lap groin upperbody cheek forehead armpit armpits hamstring hamstrings "
    "lefthand righthand"
)
DIRECTIONS = _words(
    "left right forward forwards foward backward backwards back up down upward upwards downward "
    "downwards sideways sideway sidewards side sides lefts rights leftward rightward leftwards "
    "rightwards clockwise counterclockwise anticlockwise counter anti wise clock in out inward "
    "inwards outward outwards outwardly away straight diagonally diagonal laterally lateral ahead "
    "around round about over behind upright together apart off across north south east west front "
    "rear direction directions vertically horizontally here there further closer center middle "
    "through towards aside opposite backside frontward frontwards forth overhead"
)
PATH_SHAPES = _words(
    "circle circles semicircle semicircles line lines loop loops square squares curve curves arc arcs "
    "zigzag zig zag figure shape oval ovals ellipse rectangle triangle path spiral half-circle "
    "quarter u s slope diagonal pattern circular bend lap laps track course route"
)
PATH_PREPOSITIONS = _words(
    "along around across through over under underneath past via from between among round off beneath"
)
GOAL_PREPOSITIONS = _words(
    "to towards toward into onto at for against near beside above below behind upon"
)
MANNER_PREPOSITIONS = _words("like without by as")
MANNER_NOUNS = _words(
    "way manner fashion motion motions movement movements pace speed rate style rhythm force gait "
    "mood ease strength energy hurry care caution confidence swagger limp excitement anger joy effort"
)
MANNER_WORDS = _words(
    "fast hard quick slow normal still steady casual careful again repeatedly together alternately "
    "alternating while drunk happily too well very quite slightly almost just also even more "
    "continuously sadly angrily briefly sneakily once-more much bit little"
)
PLACES = _words("place spot position ground floor air stance pose location standstill")
COUNTS = _words(
    "once twice thrice one two three four five six seven eight nine ten eleven twelve several few "
    "couple many multiple some half quarter single double another dozen"
)
COUNTED = _words(
    "time times step steps stride strides pace paces degree degrees rotation rotations second seconds "
    "minute minutes moment moments repetition repetitions rep reps foot feet meter meters inch inches "
    "turn turns jump jumps hop hops kick kicks punch punches clap claps lap laps circle circles stair "
    "stairs squat squats jack jacks spin spins skip skips"
)

# Connectives.
THEN = _words(
    "then afterwards afterward next until till finally lastly eventually thereafter subsequently"
)
WHILE = _words("while whilst as when simultaneously meanwhile during whist wile")
BEFORE = _words("before prior")
AFTER = _words("after once following")
# What "after" points back with: "after that", "after which".
BACK = _words("that which this wards")
LINKS = _words("and but or & so nor plus because since by")
WITH = _words("with w/ having wit wth woth qith")

# Verbs that only lead to another one: "starts to walk" is one action, walking.
LEADING = _verbs(
    "start begin continue try attempt appear seem proceed keep prepare pretend decide want finish go "
    "happen need manage like love struggle practice resume commence end stop cease hesitate get ready "
    "look act quit simulate mimic mime imitate"
)
# "uses his hand to wave", "takes a step to ...": the tool comes first, the action after "to".
TOOL = _verbs("use utilize utilise help allow let")
# Verbs that tell how things are and not what is done.
STATIVE = _verbs(
    "be seem appear feel think know see have want need like love look mean suppose seat consist "
    "include represent signify indicate depict resemble contain involve hurt injure mirror belong "
    "intend accord depend become remain"
)
# Aims: an infinitive of these belongs to the action before ("leans to keep his balance").
AIMS = _verbs(
    "avoid show see be maintain keep signify indicate represent express face have prevent make allow "
    "ensure support help regain get gain demonstrate become say find simulate rest"
)
# Participles that describe a posture when nothing marks them as an action of their own.
DESCRIBING = _verbs(
    "face be have use keep favor favour leave bear follow alternate lead start hang rest extend "
    "resemble mimic imitate pretend make simulate outstretch dangle try remain show allow include "
    "appear seem position cause"
)
POSTURES = _verbs(
    "stand sit kneel lie crouch squat lean hold seat balance bend hunch pose rest remain stay lay"
)

# Nouns that a participle before them describes: "a waving motion", "jumping jacks".
DESCRIBED = _words(
    "motion motions movement movements jack jacks position pose stance pace manner fashion gesture "
    "gestures style step steps action actions rope exercise exercises routine sequence point punch "
    "kick shot speed dance stone stones beam direction pattern person man woman figure mode way sport "
    "lesson machine"
)

# Verbs that captions are full of, to mend tags such as a noun for "jumps" or "kicks".
MOTION = _verbs(
    "walk run jog jump hop skip step stand sit squat kneel crouch crawl climb turn rotate spin twirl "
    "pivot twist bend lean bow duck dodge stretch reach raise lift lower drop swing wave shake clap "
    "punch kick hit strike slap throw toss catch grab pick place put set hold pull push drag carry "
    "stumble trip fall stagger limp march dance sway rock roll slide shuffle stomp stamp tap touch "
    "rub scratch wipe wash clean pour drink eat stir mix open close point gesture salute nod bounce "
    "balance flap flail wiggle shrug straighten rise lunge leap sprint strut sneak tiptoe skate swim "
    "paddle row box spar fight block swat swipe bat juggle dribble shoot bowl cartwheel somersault "
    "flip dive land return stop pause move sidestep pace circle extend fold cross uncross clasp "
    "spread shift tilt look bring backstep back hunch stoop lie lay thrust jab knock wobble sashay "
    "waltz veer trot gallop prance descend ascend stroll saunter trudge wander face repeat take make "
    "do get come go play strum type write read wind brush pat pet poke flex curl press rest recover "
    "retreat advance approach proceed continue begin start grasp grip squeeze release cover yawn "
    "sleep exercise warm dust sweep slash stab hug kiss cheer pray meditate motion dial draw hesitate "
    "knee tie jiggle bob applaud twitch wince crunch bump tumble slip scoot hobble hurry charge chop "
    "dig drum saw hammer lob putt golf dab nudge shove skid scoop unscrew speed slow signal throws "
    "tug yank haul hurl fling flick stub tickle scan search inspect examine check adjust change curve"
)

# Helpers of other verbs.
COPULA = _verbs("be") | _words("is are was were am been being 's 're 'm")
HAVING = _verbs("have")
LOOKING = _verbs("look appear seem")
ENDING = _verbs("stop quit cease")
GOING = _verbs("go get come")
# What may stand between a leading verb and the one it leads to: "starts out by slowly walking".
LEADING_LINKS = _words("to by off out ready about up still again not also both in")
# Words that the model at times takes for verbs.
NEVER_VERBS = _words(
    "then forward forwards backwards clockwise counterclockwise their there anticlockwise sideways "
    "counter left-hand something someone degree degrees t foward back jacks according wit wth"
)
PREPOSITIONS = _words(
    "of in on at to from with wit by for like into onto over under around toward towards behind "
    "beside against between near without above below across along through"
)
# Prepositions that make a noun of the participle after them: "without moving".
NOUN_PREPOSITIONS = _words("without from of for like into in to instead")
CONNECTIVES = THEN | WHILE | BEFORE | AFTER | _words("and but or &")
RELATIVES = _words("that which where whatever what who whose how whichever")
# The connectives that tell an order in time.
MARKERS = THEN | WHILE | BEFORE | AFTER
ADVERBS_OF_TIME = _words("finally now suddenly immediately at the same time all")
# Words beside a direction that name no thing: "to his far left side".
FILLERS = _words(
    "the a an his her their its my your this that one both other far very more again slightly bit "
    "little and or & then s 's hand way to of just even further"
)
DOUBLE_PREPOSITIONS = frozenset(
    {("on", "to"), ("in", "to"), ("up", "to"), ("next", "to"), ("close", "to"), ("from", "behind")}
)
# Verbs of motion that are as often nouns: what is joined to one after "does" is a noun too.
EVENT_NOUNS = MOTION - BODY_PARTS - DIRECTIONS - _words("balance pace paces step steps turn walk stand")
PRONOUNS = _words("he she they")
ALWAYS_DESCRIBED = _words("jack jacks motion motions")
