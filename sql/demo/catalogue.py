"""The products of the demo: those of the shops that halle replaces, and generated ones."""

import hashlib
import struct
from typing import NamedTuple


class Product(NamedTuple):
    name: str
    cents: int
    stock: int
    description: str
    initials: str = ""


REPLACED = (
    Product("Running Sneakers", 7999, 120, "Light shoes for the road, with a soft sole.", "RS"),
    Product("Jogging", 7999, 120, "Warm trousers for training and for Sundays.", "J"),
    Product("Teeshirt Orange", 2000, 5, "Coton peigné, orange vif, coupe droite.", "TO"),
    Product("Teeshirt Bleu", 1550, 3, "Coton peigné, bleu profond, coupe droite.", "TB"),
    Product("Teeshirt Vert", 50, 0, "Coton peigné, vert pomme, coupe droite.", "TV"),
    Product("Teeshirt Orange Nike", 169, 10, "Tissu léger qui sèche vite, pour le sport.", "TN"),
    Product("Étendoir de Noah", 6969, 8, "Séchoir pliant en acier, vingt mètres de fil.", "EN"),
    Product("Billet d'avion (Liban)", 1, 1, "Aller simple pour Beyrouth, bagage en cabine.", "BA"),
    Product("Chaussure droite (unijambiste)", 2350, 1, "Vendue seule, pied droit.", "CD"),
    Product("Chaussure gauche (unijambiste)", 2350, 1, "Vendue seule, pied gauche.", "CG"),
    Product("Tirelire anti-casino", 199, 5, "Ne s'ouvre qu'une fois pleine.", "TC"),
    Product("Costume", 30000, 1, "Veste et pantalon en laine, doublure bordeaux.", "C"),
    Product("Carte Yu-Gi-OH Yubel", 4500, 10, "Carte à collectionner, état proche du neuf.", "YU"),
    Product("Figurine de Ken Kaneki", 8000, 4, "Figurine peinte à la main, 23 cm.", "KK"),
    Product("Laptop Dell XPS 13", 129900, 10, "Thin 13-inch laptop for work and travel.", "XP"),
    Product("iPhone 15 Pro", 119900, 15, "Titanium phone with three cameras.", "I15"),
    Product("Sony WH-1000XM5", 39900, 20, "Over-ear headphones that keep noise out.", "XM5"),
    Product("iPad Air", 69900, 12, "Tablet for drawing, reading and notes.", "IA"),
    Product("Samsung Galaxy Watch", 34900, 18, "Watch that counts steps and heartbeats.", "GW"),
)

THINGS = (
    "Étendoir", "Théière", "Fauteuil", "Lampe", "Étagère", "Couteau", "Bouilloire", "Tapis",
    "Écharpe", "Bibliothèque", "Chaise", "Rideau", "Poêle", "Vélo", "Horloge", "Boîte", "Gâteau",
    "Jeu de société", "Crème", "Pâte à modeler", "Lamp", "Teapot", "Armchair", "Bookcase",
    "Kettle", "Scarf", "Backpack", "Notebook", "Keyboard", "Headphones", "Umbrella", "Candle",
    "Bicycle bell", "Picnic basket", "Café table", "Crème brûlée dish", "Puzzle", "Blanket",
    "Watering can", "Toolbox",
)
KINDS = (
    "pliant", "léger", "étanche", "rétro", "d'été", "d'hiver", "à roulettes", "géant", "classique",
    "connecté", "brodé", "réversible", "folding", "light", "waterproof", "vintage", "summer",
    "winter", "giant", "classic", "quiet", "handmade", "travel", "garden", "kitchen",
)
MATERIALS = (
    "chêne", "hêtre", "acier", "laine", "coton", "lin", "verre", "grès", "cuir", "liège", "bambou",
    "oak", "steel", "wool", "cotton", "linen", "glass", "stoneware", "leather", "cork", "bamboo",
)
ORIGINS = (
    "Fabriqué à Besançon.", "Fabriqué à Nîmes.", "Dessiné à Orléans.", "Cousu à Angoulême.",
    "Made in Sheffield.", "Designed in Malmö.", "Sewn in Porto.", "Forged in Solingen.",
)
PROMISES = (
    "Garanti dix ans.", "Se répare sans outil.", "Livré monté.", "Idéal pour offrir.",
    "Guaranteed for ten years.", "Repaired without tools.", "Ships assembled.", "A good gift.",
)


def generate(number):
    """The same product for the same number, anywhere and always."""
    dice = iter(struct.unpack("<7I", hashlib.blake2b(b"%d" % number, digest_size=28).digest()))

    def pick(choices):
        return choices[next(dice) % len(choices)]

    thing, kind, material = pick(THINGS), pick(KINDS), pick(MATERIALS)
    return Product(
        name=f"{thing} {kind} ({material}) {number}",
        cents=pick(range(99, 50000)),
        stock=pick(range(0, 500)),
        description=f"{thing} {kind}, {material}. {pick(ORIGINS)} {pick(PROMISES)}",
    )
