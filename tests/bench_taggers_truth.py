"""Which answers of the embedded taggers count as right for which label, for bench_taggers."""

from __future__ import annotations

_FOOD = {"food or drink"}
_ANIMAL = {"animal"}
_OBJECT = {
    "household item",
    "appliance or electronics",
    "tool or machine",
    "clothing or accessory",
    "document or screen",
    "sport or play",
    "furniture",
}

_DISHES = (
    "Biryani",
    "Burger",
    "Butter chicken",
    "Dessert",
    "Dosa",
    "Fried rice",
    "Idli",
    "Pasta",
    "Pizza",
    "Samosa",
)


def _said_so(*labels: str) -> dict[str, set[str]]:
    """Labels that are the very words of the taggers."""
    return {label: {label.lower()} for label in labels}


KINDS: dict[str, dict[str, set[str]]] = {
    "Object coarse": {
        "Animal": _ANIMAL,
        "Food": _FOOD,
        "Household item": _OBJECT,
        "Musical instrument": {"musical instrument"},
        "Vehicle": {"vehicle"},
    },
    "Main subject coarse": {
        "Animal": _ANIMAL,
        "Everyday object": _OBJECT,
        "Food and drink": _FOOD,
        "Landscape or plant": {"landscape", "plant or mushroom"},
        "People": {"person"},
        "Room or fixture": _OBJECT,
        "Street scene or sign": {"building or place"},
        "Vehicle": {"vehicle"},
    },
    "Dish single": dict.fromkeys(_DISHES, _FOOD),
}

GROUPS: dict[str, dict[str, set[str]]] = {
    "Object middle": {
        "Air, rail or water vehicle": {"aircraft or spacecraft", "train or tram", "boat or ship"},
        "Appliance": {"appliance"},
        "Fruit": {"fruit or vegetable"},
        "Furniture": {"seat", "bed", "table or cabinet"},
        "Insect": {"insect or spider"},
        "Mammal": {"mammal", "pet dog or cat"},
        "Percussion or keyboard instrument": {"keyboard instrument", "percussion instrument"},
        "Prepared dish": {"prepared dish"},
        "Reptile, amphibian or fish": {"reptile or amphibian", "fish"},
        "Road vehicle": {"road vehicle"},
        "String instrument": {"stringed instrument"},
        "Wind instrument": {"wind instrument"},
    }
}

# Dishes without a class of their own in ImageNet: only the general answer is right, any other dish is wrong.
SUBJECTS: dict[str, dict[str, set[str]]] = {
    "Object fine": _said_so(
        "Airplane",
        "Banana",
        "Bee",
        "Bus",
        "Butterfly",
        "Chair",
        "Dog",
        "Elephant",
        "Goldfish",
        "Guitar",
        "Hamburger",
        "Piano",
        "Pizza",
        "Refrigerator",
        "Strawberry",
        "Trumpet",
        "Turtle",
        "Violin",
        "Zebra",
    )
    | {"Car": {"car", "racing car", "taxi"}},
    "Main subject fine": _said_so(
        "Airplane",
        "Bear",
        "Bicycle",
        "Bus",
        "Cat",
        "Clock",
        "Dog",
        "Elephant",
        "Motorcycle",
        "Pizza",
        "Train",
    )
    | {
        "Computer": {"computer", "laptop", "computer screen", "computer keyboard", "desk"},
        "People": {"one person", "two or more people"},
        "Person": {"one person", "two or more people", "baseball player"},
        "Street sign": {"road sign", "traffic light"},
        "Toy": {"teddy bear"},
    },
    "Dish single": {
        "Burger": {"hamburger"},
        "Pizza": {"pizza"},
        "Pasta": {"pasta", "plate of food"},
        "Biryani": {"plate of food"},
        "Butter chicken": {"plate of food", "soup", "hot pot"},
        "Dosa": {"plate of food"},
        "Fried rice": {"plate of food"},
        "Idli": {"plate of food"},
        "Samosa": {"plate of food"},
    },
}

PEOPLE = {
    "None": {"none seen"},
    "One": {"one person"},
    "A few (2-4)": {"two people", "several people"},
    "Many (5 or more)": {"crowd"},
}

SETTINGS = {"Indoor": "indoors", "Outdoor": "outdoors"}

PLACES = {
    "kitchen": {"Kitchen"},
    "bathroom": {"Bathroom"},
    "bedroom": {"Bedroom"},
    "living room": {"Living room"},
    "office or desk": {"Office", "Workplace"},
    "street": {"Street", "Road", "Street or town"},
    "railway": {"Railway"},
    "sports ground": {"Sports venue"},
    "snow or mountains": {"Mountain or snow"},
    "waterside": {"Waterside"},
}

WORDS = ("EXIT", "Library", "WELCOME", "Fresh bread", "Platform", "Museum", "OPEN", "Coffee")
