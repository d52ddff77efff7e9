"""Rules for text from outside, one set for both packages: it imports neither `onboarding` nor `portal`."""
