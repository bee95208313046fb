"""A small table of English synonyms as technical documentation uses them, made by hand.

Between semicolons stands a set of words of one meaning, each of which may stand for any other; or,
with a colon, a word and what may stand for it but not the other way round. Words that name
programming notions (function, string, list, class, return) have no entry, for in documentation they
have no synonym. Words that are verb and noun at once are never replaced, only put in, so that no
part of speech has to be guessed. `CommonSynonyms` inflects the sets and reads them.
"""

# A verb that is not regular, or of several words, is written out with bars: base, third person, past
# tense (which is also the participle), -ing.
VERBS = """
compute, calculate; create: construct; retrieve, fetch, obtain; remove, eliminate; modify, alter;
verify, validate; contain: hold|holds|held|holding; specify: indicate; allow, permit;
ignore, disregard; determine: ascertain; generate, produce;
perform: execute, carry out|carries out|carried out|carrying out; save: store; combine, merge;
select, pick; occur, happen; provide: supply; omit, leave out|leaves out|left out|leaving out;
represent, denote; assume, presume, suppose;
ensure, guarantee, make sure|makes sure|made sure|making sure; locate: find|finds|found|finding;
improve, enhance; inspect, examine; gather, collect; exceed, surpass; depend, rely;
terminate: finish; disable, deactivate; enable, activate; connect: link; prefer, favor;
remain, stay; demonstrate, illustrate; recommend, advise;
preserve: retain, keep|keeps|kept|keeping; retain: preserve, keep|keeps|kept|keeping;
truncate: shorten; decrease: reduce, lower; enlarge: expand; encounter: meet|meets|met|meeting;
operate: act; behave: act; acquire: gain; append: add
"""

# Nouns in the singular; with a bar, singular and plural.
NOUNS = """
amount, quantity; picture, image; option, choice; directory, folder; argument, parameter;
advantage, benefit; drawback, disadvantage; limitation, restriction; programmer, developer;
explanation, clarification; beginning: start; portion: part; purpose: aim; outcome: result;
reason: cause; requirement: need; technique: approach; manner: way; location: place;
goal: objective; duration: length of time|lengths of time
"""

# Words that are not inflected.
OTHERS = """
entire, whole; additional, extra, further; mandatory, compulsory; large, big; fast, quick;
quickly, rapidly; usually, normally, typically; often, frequently; sometimes, occasionally;
therefore, thus, hence, consequently; although, though; until, till; concerning, regarding;
for example, for instance; exactly, precisely; completely, entirely, fully, wholly;
mainly, chiefly, primarily, mostly; especially, particularly, in particular; rarely, seldom;
separately, individually; similarly, likewise; almost, nearly; suitable, appropriate;
incorrect, wrong; do not, don't; does not, doesn't; is not, isn't; are not, aren't; cannot, can't;
will not, won't; should not, shouldn't; current: present; initial: starting, first; final: last;
small: little; difficult: hard; only: solely; always: invariably; additionally: also;
however: nevertheless; because: since, as; before: prior to; via: by means of, through;
using: by means of, employing; used: employed; such as: like; in order to: so as to, to;
a number of: several; several: a number of; at least: no less than; at most: no more than;
as well as: and also; due to: because of, owing to; according to: in accordance with;
instead of: rather than, in place of; whenever: every time; every: each; certain: particular;
specific: particular; various: diverse; immediately: at once, right away;
approximately: roughly, about; roughly: approximately, about; explicitly: expressly;
otherwise: if not; currently: at present; previously: earlier; subsequently: afterwards;
inside: within; many: numerous; e.g.: for example; i.e.: that is
"""
