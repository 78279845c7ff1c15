-- The database of a study. Only the person who made it may read it: it says which model made a clip.

CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE models (
    model  INTEGER PRIMARY KEY,
    label  TEXT NOT NULL UNIQUE,
    bundle TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;

CREATE TABLE prompts (
    prompt  INTEGER PRIMARY KEY,
    text    TEXT NOT NULL UNIQUE,
    grouped TEXT NOT NULL,
    seconds REAL NOT NULL
) STRICT;

CREATE TABLE clips (
    clip   TEXT PRIMARY KEY,
    prompt INTEGER NOT NULL REFERENCES prompts,
    model  INTEGER REFERENCES models  -- NULL: broken on purpose
) STRICT;

CREATE TABLE raters (rater INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE questions (
    question TEXT PRIMARY KEY,
    rater    INTEGER NOT NULL REFERENCES raters,
    position INTEGER NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('pair', 'scores')),
    purpose  TEXT NOT NULL CHECK (purpose IN ('answer', 'repeat', 'broken')),
    prompt   INTEGER NOT NULL REFERENCES prompts,
    clip_a   TEXT NOT NULL REFERENCES clips,
    clip_b   TEXT REFERENCES clips,
    shown_at REAL,
    UNIQUE (rater, position),
    CHECK ((kind = 'pair') = (clip_b IS NOT NULL))
) STRICT;

CREATE TABLE answers (
    question    TEXT PRIMARY KEY REFERENCES questions,
    answered_at REAL NOT NULL,
    choice      TEXT CHECK (choice IN ('a', 'b')),
    text_match  INTEGER CHECK (text_match BETWEEN 1 AND 5),
    naturalness INTEGER CHECK (naturalness BETWEEN 1 AND 5),
    smoothness  INTEGER CHECK (smoothness BETWEEN 1 AND 5),
    CHECK (
        (choice IS NULL)
        = (text_match IS NOT NULL AND naturalness IS NOT NULL AND smoothness IS NOT NULL)
    )
) STRICT;
