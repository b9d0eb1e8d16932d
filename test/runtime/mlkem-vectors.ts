// ML-KEM's decapsulation keys, ciphertexts and secrets, in base64: of Project Wycheproof (Apache License 2.0), its
// mlkem_*_semi_expanded_decaps_test.json, numbers 1 and 8: one that is good, and one that is not what encapsulation
// makes, whose secret is made up (FIPS 203 §6.3).
export const VECTORS = [
  {
    name: "mlkem512",
    key:
      "h8oZk7ZNiTKuOyJSgqGzwTdl3MEiTEN3MwoE7OwLJQVAB1OCvjdSUxKHfXdp/VlPvRZCglid7lwPLBR/xiqVQhA8CLzMoAWC6cUmgfq4eXhbPn" +
      "lJaESze/UmYnqKPNiCHxYdkpmsxKm5MDJra2c9FhMd8JiUQpBo/GWj5RYiCWTAfVQDR4m+rmFLE6HNrbwgXjY2NEEdWzomkYB14GOd1jXJKIGk" +
      "bvuVARGPzBizmpFmpjds63FCKexxpJltkpedlGRuw/BdpUmPZqUKmrnPhSCnKOHCEAhyWHFWPntHRoF9dPqytvKg40oKXpUrMvEHLDBegYRY80" +
      "I026rEBstjcvoBhujK13MdrNhkYGaxGbFZrHghq5piv+gb0dx1CKSeIlSoNmhLtyKjvAQJ4ulNzvVGaRpHgLKloCTPDWCVmTOtalh6VlOGRKg8" +
      "H5JVPzo7X4GqDMRLGuNhitBdKYe2fRyFpRSw3hyNXMFcBPx3rQNVluCnQ7WVmtUi7xNfFJwOflaJNzPJAFR+6jJPAoXN5ZwlADutwnI6OGaV+f" +
      "QiH1AZIGoxA/iXkfBCu8CG3laT8nibyZgWR4NnVZJOWvpdiPnI76ghNFhfyrtSmLxc9aeuxfx4+aUwFmidYhdBepXPJ7ZtrlinKIyPwyisBnmd" +
      "lMSd7bJh9ESG7BLDE5eni5pjLvFmCIQy9hU7kcrO90BTqSgRY6AjLsREKAUBAnTPnDoavJOKLOiayuF0YgOIxxIgljxNEHkob3uoG/teVxfMbd" +
      "ByirJwowqIA1uIXTUSjqzBgcq3K7GW9jXOu3WtDdC6TkNbMQiTMnJjWMWicJUSj/LBYesi6UplpUhdTBF4aQsfOSt/Y3etlmtngJBwVyu8aJyq" +
      "stg8v9ZPxChldFSEQ5ocllACl8bPsLEdmJoylHOIlHgtXyUFX6aWesg636gZslNTBfkx3Fhs0TqbRzt9h+W0stmWKlmQPMyt3KJXh3HGflpJmM" +
      "iUKTB7DgGXUxgyUHOeFEeXvcwiqwKV18Uy3xeEhndBbpVNZvmwnhKBUyoujwxqvgA35+gRkJfJ7IRaoGmFwIhVLEG2FRc2QsECUcBukaJcJDwC" +
      "Y7Z1xyB9WHAdE6Uuq5JWXvGh3vuu/kwLA/UERKO+ILFxMQuj8ghS86KhjnIpQHAVZGBS0uc6vuMY11WJnHhKb7WqsXyQLLaK+jZXuQEuG7i2qs" +
      "JomqSMLUJiuyljsGokIoJUHPYUGdkOK9NmvuekNptyQaZr8mRdjpBMP3swDAQdVoc5PSypKXXL/cAY3cYK9WIAnrCIjloFdiRqznRbsWNAi1qa" +
      "48GUqFwhkHs3sWKOzZoV7CAkhzAnNESwovRU+bRzDzORUEdu4HCY9rwbl8wb07jBousOUKeC8hFd9hdJb2xvjAmwX4iNnpM9KHdGxjGzEIcmsM" +
      "SnyIsJyGCs11I1cMgCvThyQxYtEoyiKUyDQxjMIfsU0qs3PyJOP9SYQ4WVCfTKGhpWbAVniKOqSEqqvfGgjxtEx1arKgyLxYUe4usjA0wuqlrB" +
      "X4l1G9XK4dWQidUAK7Gzv8pK3gmCrWeD6dN/s+MgrJhV32Zr/Xxrh6mkbiWXElYRYVB+FzWY+YistvmrOhCSYyRGiMcIeHWP9NQxO3Zk8PUQ6R" +
      "PKAcUrOhtGU1FE4tsMrOimRmYAzyqHg1AH4WqlB4Adhrc4Xmab+va6HfVoMWPC1XBTL9dDkFRkDyRMUocTWdKEL8M3oGADOvBeqgAcNPx72PkQ" +
      "KeRsKUM2J2RdZ4ZkIdZhryV0gFMriHhQ3Emf/tWxQJigM3Jeggpb4UAKDLcDdBynS0eGc6rPhRZu6KGE2yxYVJwiQLgwjCe+ukDDudcp7bGMwg" +
      "aOzbJ9oiss0+eguqUwxRk808hr+GpE8HmeUVWwm+JQmIUjs6cx3YkbwgBgEaBlwKtX8abBeIlV4BNfpcqPPlLHXTcWlzovsiwOsXwbMoUp2fp2" +
      "VtdN6nQNnweXd8NsF6GcGViehNK45NG8MQfL0ngUIkg1SERsiZMUd0SqnsHFk+wtW6rIagr2SoXpCd+OKBZgXSC044KzC7thvzpfghoLXbqa0+" +
      "flvRs3p14PCSl06Ebow3xFSH1gc5+ZNRcZpTlHIyYrOwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    sealed:
      "a8UEACd6u35r+ftWggF167e59PKCLG0K4ICjSZIPbQCOujW1QrnX7YnL/TjXn1U78I5jgJXPDU9QQKwdG9wkhDsYwnefJBGBpszY9OgA3CZhNt" +
      "G2XZwSbfXnk8htrK88eD+pwQBvCClPGk07tEtvwgkAS8Hw5n9ISAlA8gqGGL/GTrKwq/4b6pFYjBhuMOgzhykm7+kMO4sMmUBTuTC6F7OKdFld" +
      "THYa0z/k96MPOiyFwUbwpJGjErKkS4iNHIWx5EEfnbeRL2CY/fwpiRF9FgmedvGcs1C50ALSog3d7pBHDblKUxGiTxNaQNzG/tcoNuygXqvBfR" +
      "kzWeLk6iZnL+UF2DRuPKtjiyQWxxsqm+UEeJhsbB6U43+GUsAXVo0BeiiBBz1hKs3Itn5braiQvQyVtQmdfDSMdI+OfChs4i+ih3+AQ0Ycshxa" +
      "0uyt+VXjaxlUCIQaNIL0nOw9Zfl4fzdHz/HLFfKs/zuPoIwliFw4I5onFmrfo5gdFjNLT/uDhWZ2A7m1RiG58/TxOoXsnlZqth3MyvsRrkd9k6" +
      "W8kDLeoaUeXVIXmAqLxBoofJwiPjMGQHflIkmG+TzFwbl3JVNmWhiDWiu/rARwJugrtgzoAJW7CHXzNzEu7yiNWJLU/dcCzo8RgxdTGUTX1W1E" +
      "BDoKAUby0qUFiKDZDeGgevIgLlsF5CsRPbOCZDvvwVO6n38pWYc5Utp7/9fdoamfoeI4dLCU3MW182HfkmLhlodttCzH8DjpXvz/TAHHWTnlm/" +
      "v1Kxvl+CUGB8eCRiqZ0KlngdeiKZYalI59UXaZrWHstsBYjtCd/1hXGy6tZdjepfqBSywGG/5JIE1eG7dAlqqBJeuE2+pdC6/5jkGm3ZE6aFS3" +
      "LrF0//UNpzzHMFtVxi3ITLStzNChG0HHI+ja/7c6EsLcOXz0uVAAU4jId0n9cD3gqgwo1KLsgl3a6AUv6JwhOToiLwpcbQHfyJ9G9xUCrRk1Y1" +
      "VY9XpGyXrmM4RIK/DnxXKYQ2qZugBXT6oK",
    secret: "StU6BrKfElaEIaVSwIGVtYZzyC+HDMHM1loI5DJf6yc=",
  },
  {
    name: "mlkem512",
    key:
      "rxiklnOHruAnYYhVq4d30aJP06mK6mTL5dnEphZKFasY+Pmz8mgR18HAacVR+HSLyQbNZ+KO1DctY4uUvbIYl9Jnt0MZnzUYg5OcZVBMuxhxzI" +
      "gPwoWnPQx774RFrGmPTyFv6rlU8PJ9ouClF0LK3EpazlUiyVakrLNvNkjHYekvmCBEONE/+FQy6RYLY1C2bpyaKtKKEvMsejV/q0lfKTJ8zKcA" +
      "+GiMSupFueaehyshE3sSqjgVxlCu3ZF0RnBFq7S77+OPjkJaRQgfQoCq2iBJ++l0nXyVSUCc6uiFlLu8snxC+EsHRctRHnQxYvepSnqp0GgJ3r" +
      "ZMIraV4JAA4oGziBC0J2dl0+MEK+hH+AAwi4zFCczL8XabkUJW2MosWxrL/bCkFLihZNtdnqXJttSe5duDv+LBEyiXMUyq1nuKSNZ5qjdqZSpQ" +
      "CnQck7sqB0zDxtGZTbaOOQCZiSWUZGOFwXPAc5i5o0gfr5aGYYUhPjIC4NmWWcRwhZGl/oV3j/BNN9hzzMBvBKvLRol+6DuZtTsHZRcpxPEgAi" +
      "tNSKBYHRrLTnuNf3PMuOio3TQS+qfPu3GqTKpZAtMfIlxxMplQdHCCyse2K1wKIiRJqBU6RVd54QQ54pNQ20cpwScNO3iR7YcAhpWct/yPdCEw" +
      "PWM/qrCE0dtMbMdzhhTOmPxNJQilaLggkSygIhmutBk/cLgGlemoKrQ8hGhrs2xlN1VSkEIzlEOIgIxC8jcvsVUavjmmhIi7UFal2+kQCSAKwS" +
      "cDMxrCZSSYiVhI3TgLKkEPlGs6dpC5uoAcGLYp3NRZSdREXSzOIZIin5bNf3RJ1LqhaTAFgBCAEBAGt7Ol2CJOwEFT8HOxaYs2CkywlcVwygML" +
      "0NwsgmUnYrqax4sbrsGPjDyIZxhlfQo2RuwHDsOBpcvGxwJj57o4R/SHr6dPO8gxNDIHprPPQbx3puMOlwmMpfsn/YDPitCLvGOXP1HJHkmF70" +
      "tctFJaUrefVtZRwXw1t1bMiPMS3UA7JvNppXmBBEtv0yQ7i/GkL8cbF+ScdrKhOQSQwFYSLcxE+/FlFSyD3GcT3xY7HLOtwlJDfRudYtBA2qMq" +
      "w9ojUXUgcxilftymxqUsRzaeDnARCkJHDUCNCsMlt6qSElSdl1VfN/Bs2PEi+nXOVTnIDds0rWAR5hptcCYnFftgcNXODSfBB+AGXsK2tElBkT" +
      "eI/8OWN1KRpFBUbNMV3ip3RnnLwXI4BnHDSQVjFFRfLnWmkBKFkzIiXfMTOGlAqqcZmZyAKemXSzZWPktae8CxRdB1GZWo4+cAJsekq2RQFZWK" +
      "NfyvNgJcr9QSjCKi45AlIUMOKWGJmHKICAlV5ftkv+hE0jdrifRtg5J/IiuavrwQDCc1oAI8hVJwIYDMj8WDsRk9cWR+s6xY8RzFpGHOpdTBXZ" +
      "GCA7CFr+hE03gE/GbK2ETIaoMq9fS06RUctUl72Gh3GnW9w0BE7UxryIxHdbCkeTevUzJhUPHGcyms65cvW5FdIEMGsccdfldSylxNWiFGRAe6" +
      "PMQeaQlIhfOjqUJKInUYhMFQpVgFaUtPuiM4axR/4wOVZ2kqrocou+OXLAWre6XG/TpxzHiyeWOdGkYVOyYxcFFlKGS75BLJ72zNm6iL4+hniX" +
      "WcaMk+7+ACX7Q6abIk+Vs6kOHCPBWbpXV+XxCwCmBNe3d7zMiV4rePZ4M9+SZ/ZVUuTwUr+9FlCgF7OOApDVs0m1Fd8FyZI/B2vygyz5APU4ty" +
      "d/SBBik8ALhUH0droCclvFB0FQWj7+FzNwxukECR2qM1wVlC+lV8zXua23W0LrKWy+ORZ2BI6GHEwWKR/cMB1dUptsQGAMZqI7ICkbEwUqOluN" +
      "HBIjCtMcu4zwapZoxe5zucowAuD/m+4bM95OewpdoklDOzHdu+w6GBWWtG/qm4wOADX2TFO1jJ8SYD4lVSZHdNP5kF8eYyqXgzlsPLAdpJRAbM" +
      "ZUZ5AdI3/yEytNEDawcHvNi0Ijszw7ubAqNVy6BM1/ZSPxqrDNUtW2A1P2cby/VQRMgXsILUpVerO3dAyIK5Fw9zQw9GDXnV1ZXxhPyIiIHzd8" +
      "JgXguCs3PBYEa0OA4hDg7ciU/zmCNoAQdaUoBTA7G8f6hjg1gFjUgBq2i7EY319A9XdbWmPCmNTWvpeeS7GDnr",
    sealed:
      "nGmfj9hMiEL+cUqhndxAju7NxUEMKWLibkJEB/D44YwN4alACMJdRYjFPzcC/QrQv7FLuLowvLEsE2h/h3TlZF2pKqKLJGI3pS2EURhbl6V/9h" +
      "/K/NtRiPt7GdfnMW4zkkNB0mS5FHZWcj/JGfC2kDa1U5AVZufSyEpVGOLAhHxchNaj5mqOoyCe10V90Erj57g6Mr0ZWBrhxF+UQXKpWi7sezs7" +
      "fh+61VXQ//VmUVCmP6KnMZEoXKH0P6wsDqAp23JcPyTXHPAr1rNN2U0h9y2g0AtkxN9p/BhURiPtumXHFSZKZqv7P0ye0hXWaVytkIYNLVovAj" +
      "hCcM7J70GomrdA9l9xtROZrLZd4qwVr91cB2cUagCUy6/ZLPamriBJg/SDroqtv/tP0xu+gPqGybSVHasC7NODFMCrpKz6yukYEngs05CB2bNB" +
      "A9YN+BRYl3XL91D2EmwrdZiJbTdY9gGq2VOvncupWvlVDN8qNcsQg1EmvTwoMZlNDz7/9Gobbyazn3YKcJhh0b5B2EUFb+aErseB5IGSo+GIQ9" +
      "5F6dTlBYZ/zfwVXeYk0mN5zVS0TZZAw11RSynnoS7lgXqIBTEl34o+dy4pczbKf2UmwQyvwbL/iIxEr8jnRfKtKGeUmkyKgAm/JU3RlHsbMNsc" +
      "fIKFUl7tDJQzntY3HhgAsWfitim/lY9GLu1zACnIxgTLKVCilCa4H5idQjd9+RaD7tDV00/WEIq8l6oF0f67v/B4YWduaIRVP1HxsS/C4RQEOA" +
      "RktI/KnknWEQW3D6pUMFUJ9QcGNE3E7+lI6UWLKhDBsV0gDt4nuXnW0KxAD/PF0tzCn8eGBGwTTJx5uX9MAOV9w7ZZdp0KkW100lh9H0Wm4T2P" +
      "41+Dm21ju/U+tIGwwsaYdrDFwAfFzT01c46XbcHlreeJl1aGdZFs9PLctKkZ2/9u6ZhF3pACSKa2yXvXhvUilmB5xwYqEUpcXtW1eIyeepHQ/R" +
      "8L8gz0vmNtJIcdI0/YWViQYvLmLOCvwzG5",
    secret: "kLJf/87SFvpdtRSoNcJwnflTnOhhzloz5UVLMOiBZjI=",
  },
  {
    name: "mlkem768",
    key:
      "eaqdgQWJuOgLwHmb8euLhmprXIu/mYgb4AJeuYkC0oK0MrtRdLxOVmts+NvKGMqaWJTFiTMfsTYWJZd9H5IQ6Nthj9HBKpmdPtKQcnB2HYqIJi" +
      "xpbpxrCLeVDZFx4kCfzroM4OVHdlMqN1DGEmco+jZN8hGPZJe5pqaGlLmc5HFZNaV+AuwhA9xk76DK6Ya23HigH7cSxUm3lcFFQOOmXvtvd1Zo" +
      "NdzMuJRJygsZKQnMl/wzyZXK12lM24Ge2Aev4ysYLVxF2gscJrc6uqO6hwy3O6qoaxAnqdlz3xWw1syn4bxAywF8Vxxwnoytici1LbEK/BZO+k" +
      "UCloZ0bokTsTqyNORSkwNYDwZT+AUU+TiVHhuWS3acE6sBNzqtQdi6DfNYmxM4veluc+GHtCUxC0jJpulIkWcD8RaXjvlpiwkTB9mnyAUs1kh9" +
      "gnIFJLC47lqJJNYw/rpSzXnA85c63BC0DyRpW1cBimasrjN4K7I0SvyHfoyBuFmNGDVQPoqEpYwTQzaztwg0B3VgU0dEVqQ90LXD4UqtjboyTm" +
      "yOKspVxWak1it0UOa9uKE8GkfCK4Y7N9HHSzmZvnDKmzRnd0CxPQRp20M9cYBaTHhobLIxv8ZoaHITNepf54eRf0UNakVvP8rDteecn6aLSqK5" +
      "uFw1Cdp4fDFVFWVAKAKs6vmb2iaKHKRDXRqYATgNjKu0WqcgTlZ43pwbQpOrhDWpDWC9pcLFtWDL/hmgJoqxwpiFwlwun0NUYCRkFgAX5UR6XF" +
      "QH+yEvrKYtuuVK7XtVOuIhQ+IOdLArJhLM86ReI7Q7FrjF3WZrscxoHZR6s8gNoGZazoArdIlKTxlhfOaCc2dmYRenGwxtLUVhrWJ1IckDW0mj" +
      "U9LELbxITOgz3dGHfQS0F0BB2YWxbAxqkZOzX6ZtVZp7z+KKF0FfACyJ+6R+4DMIXOFCQdgl/CJIboBNB/pZ+0EHLGS3PZuNPTqBzOeHvLBbiT" +
      "s2xtOPIRmW4vy+7ymvB8wbVPfIKaTL2/BzkNMe86JYcEhul7FUVDhqWucSu/OtozYiABdIwiEbc+WA4Gd9XXqrcywMVwpwg7aqGaUfhwMCU2id" +
      "atpvN0Nwk4xf14wPENdMNWN1f0p7opGTzipHLkIFyScvete7g9y68SChVhlPeYywgEKZccZyjxJ/igic3pRaGjERyaJ3hNhzhFE5MZNKIkWVZX" +
      "Jo7YddggkXvEKy1wdJsnBTKiKUFnzErIuoMwKgi2cWezKE1FaqCTc4WWjNTrlrSuefVNseUZSRXtA9MHwl3NAFlfcQJyUZyGNqb4g8tlmeI9of" +
      "RfQehTaEsdxyzfQw/RMIU1V3rjp+hAVOUXFghCY1oGmevylwMFw5utHLM4Fk9bEjmDejiZmKRZuSkMEdVLhEhZZyE4a33RkLSiSn+bl+uccYj1" +
      "cAgEN1TEiD8uQunmxXlEIVLlAMlICh2bzAdzsP/9SEyQeNRsMN/HS4p6F/eZoeo4VUKYyiJKDE6XYWH+cRWrVa3Qy6uvA2H6NVyjkAHzEEJUp5" +
      "eIXGOxRAqjicZTQO8zUgzAOaqNdJrnCVuoSFokRPgHAHQTJ8NjpFe4U4sTtu1vE8KbIyUYxwThKGp0hn06q2ByldGnSDh2WT3OgDsfpCZWy7U1" +
      "Ux07dtGPkw89Gd9KAtTGiI1VlrP7OCJXpB4+JS60hl2RBeh9eIj2Q0hfWzAL11XicF6dNmxzeG7acdELFRZGHI0cuRz5chSYZyEoyTXgRRLgci" +
      "N3K4BocRI7CMQFmnp1QVxLqF/QdgPThhPgG5hnIDw6EqGfhO+5uOaXs1gUVYM8xIQ5UzUgytE7uwEXGGNkGzLiIx+IcOUGVbnCWMtUetp9eHIq" +
      "zOWonLu9sWJzx3bHakU6p6HpOhA1CU6ftfeQl1VnE4QUHPwmgPT3dR+aHB37e55WNYHrl1JVWxqxhlp2kBI2ZKblYPhAe++GvE2hjACMaGSkdY" +
      "vKYtpaGLqjMciXtJ/LAsK0cVIWMvWfHPAxZoYrEkoaw1gfO/ijUex5yHQoRjNksLO9FdNZdg2auPq7F76QeHQaGimvxapHh3Lss+M+CwgRlcEu" +
      "XBWUNNKbwpqxINbRhOEWhG2oeba/ipuWcCYSYTqaohTkuit7G6f7QI0VQdiYO1Cgy7TghGfzVyxJtNyCqkoRqiaoUJcGibTumqlIe2DtZTYlcX" +
      "hbRMPewygrmJeEOmjEN6LDgbZglf/3lZf/EHzcsYE7EA7aI9vfaiOfQEtIpX2mYjS6fAcPVp8Pi54SWsiIcH8XB9K0ViiTon5NxbqRtytltzV7" +
      "pcPDOf6pw+eLQh9DHDFEIeURdoNOWeK4mamcOOSEeS07woc+h4QtPFX2hKSpQMamOioWij6zNo++g/jeU1JOeHwYJCGrKGF7Eg0Al4ERu1jgGw" +
      "77Rj0+t2n8ZuSlm5Svanq+RU6WCuPgs7TmuRO7c//HsrNFN3uSUbxmE6dNAYd1QbjMMTjymabycoquuJxdIIo0cfcaiGSpvMUwWAJRpnQVNaYt" +
      "ig4XGBK/mIRqKEBXBJnbQZMmQEiEh7EIxy1Ct6fcVEuXGjL9qAZnactHAJBeImW3pDcNjAPuJ/jBl2pJnBNMglEkE3ePiEsXcannmHMhiQxkqh" +
      "nNePTRkj9ZSUSASPpecTWpND22aR5rGAVneQRGZxFfvBRDtudKkjJ5WGzydimuKFyhAOEGLM9WyWudcg7akugbiuGZSlCFiKUDMPc9RvmYGZ9z" +
      "hwEUak3bQeeFyYj8UetxuOSSdbf3ul5ZMArhLKD9FS0DnHbfBSbONNvquhfRGmsAYMphQBzsNf6bF14nUXpBxLigcFb8EOxvYmd/YrdoQL2RqV" +
      "IMSoGcg9gEMJQSR6WWRilsy+p9waswFw3jhiTooztMK6Lcl79zpx2aw1pICoPxux4cR3dAnQoGV4KhpwewaNS/IgUQEgL8vHGrlLKSnLROLFR+" +
      "wQtactjIdZ+ykgrcgLhXE5dUFLeyC5g+hI06DDvEM7vya3AKGkAyKoTeXIfrmHetaKvpiG99tpiZZAAupWbMYWRjsX4OeD5aliF6IAbTrkBnY8" +
      "UEV9FIFAKq/H4j9D+dHXwK9wYKwdqp7LDmcH+BqLDiZqPuktOmPNrlz/khkFVEyd15eoSeHQVBgOygAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" +
      "AAAAAAAAAA",
    sealed:
      "FwjRh36Z2JENSN+WJZc9eVThh7KUBaTMrW0oe+zaMSFd67dirdWIHPevDcbeqsIp6HFuZAWHhWgO+WuvBaUf/Nf5aSFPB61p4+pxujNLPPCq+w" +
      "EPkC33ikWaMxGAbAlRQfNBV4zkTcWyBocI8G33Yy397pyGK6Kkb+XUzfAaI0mYxD+tTYYas9tL76uELwcEE1RawaRvmhRDYJVMc8Tnpb7+UcQe" +
      "EGAOxyOiX2AoiMsoNMbiuVQ4Y9HoeJ0BFgjhOfG2+I1Z10pac/5XSLUAVU2y3SMub4sSsAFqS/bHlVQqc0CFU9T97LEYDNTn8K37OoguF5U+rE" +
      "a6WXmPxr7B/Vxk1Fi2k0J/i4eLUCTShCRIh6GQHLPyrv+Zb7kXnMFBvRQNIMuK1vQ4SVgvuAqr38qWnbt1pcyPKiextWLcUtqbTKpHm/BnZxgk" +
      "XrCInOPuxOIJsN46wxjggOPniRfoNhYbxqOS+GmyNPzy/3S2Fwy0GAgWtHbcCPF0olAq8bAvAn4otWKzNkEIaDmf47FqqBGc67zDyCy9v7MEii" +
      "wW6rwn1oWjf4dk4JeVjqBL2JsIXqwy+ikt04h7OlHVp5+g6YkiIBow15izcB7dEZUVZi0s4DuflaUnQyxwWU/0djtSgHtvMwyDcTBP8xaTqAJl" +
      "4+dGrIpbYEZxQi9gZS55TzIWrcaqq9EedOtI6xf06dwyxdcEW0f6EHzhdFeiG861eYGyJ0Vv9LF8CKmMnlYKOIOiC73CoH1TXGZrGsheI7/naU" +
      "rhheJfExHvn1IifxB9GZJYJmGJ7TAQOA6KuKL4Ge/14AY74Tj9PnMpn7eL1hpoRjIrn3Y5Hc9euLf7CVBHIXTg2VxO4pSgPIkBpM+HFuux+G7s" +
      "VvSNr1wNxKKz6Z/J/Iwf3R3qRoGsp6Onad4P6BXVcpzn9cDkQ9CWVw6EOexpmYh4EDVGpGmxD1dj3O0taKboAZU9IriB00O8dV/IfpuSGYT59c" +
      "WI/jcoFsgu9hk6rpn1atakmENAWNMAXMcPnbIi4+YdWhUz+Rn3gTDGU6XXdQllfOAQtDJ8OxCXSue39g1yNu4A/pnoQbhAyNL7rtKRjow879yM" +
      "s1l5AhczWCDGDhrYCnnj585ymNuct7FzN/5/k7NNEyrx4j6JorsUL7tyrYIJEl7cYQuJr+8z5/Y9FG9edqvW/FGbpmLDTxa9Ml+uQDw10EWNdw" +
      "NTguGhmA4SgjwgNj3bXHdqTZNY9X7yh1Is+i8SCSRH56qR8J3nQ3e4PbJQUG/40njgKMJKuuA5fouDlNpmvboTiuo1oGp0C02YecXeogf6o6H1" +
      "AB/GvCpbMdiAM43DxQ46F/Nt4Z5YDJjN/d3AvTv9W0MxuCBam3yQ+wmVVz/En4bUWoXLEF95lUhEI2rMfnLptC+8/85T7bT712fri07aOnfWuA" +
      "Nu3Ygxidoifsr+rqDUmjE=",
    secret: "tNKc1VurQ+FlVLdLkJjN/OWDmWyWi80s/RrZRV41H78=",
  },
  {
    name: "mlkem768",
    key:
      "d9kllNpzbpNst6a/91qfBunA2VoUg3wdOfUVRkstTkVhDJbN5xtiUAMW4HcV2Zud+AOepxg4PeaVnmVJzMGj+UqdgVJbHTym0fJiHLxuTpxM7L" +
      "BlN9mycckBxXCl2WUS0CQIlkNFgmoKAhGGSjMtj9Qle6aJyui7+eNoZEujTEZxKyZvL2qOBLtZBdqxq4OQOZMPT7SZfhDJJ1F+07HKIueZRIqw" +
      "hhUI2cQvmOISRcxgf2RrssgvVGkoFClBbRZAz/mR2RTMtBgMBjgEh8gbjKZ0G2Am7ug4TsInTWaaGbe5h/RpBvYwrFSSmvYv1LiQjCNj9EVkE0" +
      "Ql2nkTbgwUvKCllXcqbwFFFAi+huCCdtFD2yK/GQvEbvSRYpMi1YIHoGsN6SwFqXaANigy85o4YVoXLWY2BxPMuvIRuUK8gvUq3Kog9EKEb+g1" +
      "Q6ojmhEY0fgvv7kwv9eEyqwkPMRSy7YeJdhXlUmaAJKJ+4BvmIEMJKxgC4IJlElhtpiGOkRLTgDD3tMBH/YL+KGCRNdTiMlzJxAW7doXdliaGo" +
      "inadMfoQwKmHobjHBa23Nr2jOc4EOjFcokVYnH60ArFluiZpGM+gRs0ecV9smU/eQoLnpKd4ha3swD2BI/WJNaaHxyqxGkr7W9U4ywlWW4//Ev" +
      "1HvLB+hlxuc+m5dovVxVYFanmKwgGkHC/NN6GSE5s+utrLqq66pIr+GRtpBfffZktBqdnWg1ZUQXWRWmyJGs+NJVT/Z77GkMIfFsxRhRoloZvV" +
      "WXsKhq/rI0eoK5pgoI44YsNpDBH2GHN1KHDhxkUoAfTdxXYwC53cVQVgRnFlxdWih7RogbbWk4L9tymwmnyCMhIGmoivOAE7cVOUO3Miyqybd9" +
      "j3EYlEAmCschvkNX4PgVISID6nM1EBvKKjto2smtbVd4jMZI4JNORAjB3EmrVmyGoCVrNKE5CopGywNoNMGpOHnHf6ESZuWiLkELjWbH3llZuR" +
      "iGpTi9zMyEE7CdINNGq2VHuPTNT4QvQjZWFUI0zMMUd/SRxYEFZBAYwhOJ53IhoXp2XwKkzca3YlOvF3cSL9gbpMUJZJEL9QNU9ZrPF9ovbpxM" +
      "YfaUpjhGxnUlnwOkjRM2DVmvi3nEGAdS8bGf5VMjq7VfPBOUwcs2GJbDwtmmOxBXGpQjJPWCzUmgZrXD7DN2+NgHWJFxwCFhE9xKKiS45JN50h" +
      "eQDsSXyLJAKQPEWwN5atzLDNFr2uUjEfdqOveVBzR1KHBQ9DFD3DmNfzpkY+ATwpteMIKe8ZdXl0xCWmCvGkIajpYkgEK4HQwAxtpiA5qTrXYJ" +
      "Veg+zLW1MhwRwGy4bryZ+exFSAlpSQhOwmt8s1h199M3REdEODjCOyOQ6VSuIMdcFwanoEmu7pJTX9mqfGsGacZwlseiheZhUAgXdBu/kOPCgk" +
      "uCtldSfBac6bp3cAEMLhsyK0gLIYUr3vVSURcfEtuRxaVpLhI+gSfBlheMNRJhsKpiZISvT0K/y0iwegmCEiKmH6eXbiY8sujDvRmKXdQt50A/" +
      "1qQLBDs2OkzF8mRwEoe5hnLBznkYiwsesSMN16GrH9IHCHeTrnVIyIlV78LAJ+oAddQcR3doKGPIcpUbpYgWr2B+5XmrWWk3zDs8G3lVwMmesU" +
      "ie2MjFEExJWiBcr0xG1BIFjliZVdJUJiYjbWVve1NaC4pL1nNmeyirKtENkcsA3Jt3wGUw1jO9M2TDgKCDxQMhGEZUpFECFYtIHjtn3LgydKhJ" +
      "i1ElYwjKQXd4lZkvzKRcb2wXPynI7KWLk/kyf9Jr2BtOXTV2MQF5TBNrQfRaAMdaYyBdyGdS3eywTQojArwlFrNJAUxdyNWsfcObs1ND3OVb/d" +
      "CAQboBZQMiHFPJdRxSEOMpCPKmd+IS/cRoKkwt+7ShRQV93Ha9OblrTOk+GDF+feCculI9zJclGjtOmmqg6dZWPNUNCQtNdsMmXWvGIeQcGcU3" +
      "tvsBPLM2Tvapi1rD9qMl/IgAi2KNdNMjAOaay5qhbYxomYs8OnvL7xpjH8CK19KdUjpo++A1XjKFEesm5MR/2Eq6R0F9+ppBu6PEa/QqcSiJdd" +
      "O7VvaRDUoFnTEPGlwxIvGgyLwSL6QutxaMXPhF/mZ/tNMkDwgYy4rIBCvEFhud9YHFFExxi0FgzGCVNZd0uzi18VyNLdWwxSq68EEWpfIaCgYt" +
      "UXuFv4myOdgh77uKc7AJYeXJZUxjkupYpYKh6fepL6gGE+Y6mlRffJmc9fRkTRQvGgmbguoQl4rI8DPLVfoECDuZJWWFecUWOTdyDbEYV7NAXp" +
      "KFiWNZd9wzgLKF/blwtkKwrxAGP3O79qgjlOtXxIdOGPOIaiJAQTC1TsKADTmxEiWDFgm4W7h89aaWIKWBfLNiLeUF5EOgK2ifx5Mo3hkWZxgy" +
      "7HaWOvMnWVOp7pAsfcIUcRKZTBhXogJbXmZ3lmVD0EVOS/E+QNpRoJBvDHRze8NmcOy9xotgmDeQGqZq8rZUnUlTVNyJYSlll0fBWeZtVDAy8U" +
      "JTJmeZhmMMYvwn/3h7NtQy8yWhGcrKKac3wdsDC6U+AqFTMnq3UpgTh0yiKrknPqCJ6gqf+GKAVTQs6TsVcIMP0ioU1YpAlQOxVMkPfWeXLqNK" +
      "SrlrMErKiHI7LSwU3uljuBmNN+Aq25ql2Zxk88WPikNBh4GmGGBEKMOiWSZzfSBDiIkAvWjGWjA61hENBQJgYcNqQbk6DbekETfAqSol9XO6Mx" +
      "hjjCdRPmxZ6Dke/xW7RAatv3kKtTk2ZGo/kJKWUICkj3Z1yRk/bpVJtMAbotCZFlbF3sZfYPHLvgcwF1WC7ywJAxi9a9Rwv6VU9/nNJRtH/tkL" +
      "zOpxbAWdDkI+iAV2X/F5EAtLu4M0g+euuhAW2pYcHtzEL5O9XcNNZumg+Sq1nOsIhSqLplOzcgdN+ioIDhIQkcmpdXQ4U5w1LvFsgPOoxlCrVK" +
      "uYJCaGlPACXLctc5el18aZ+xw499VRxJhulxzIR5lBunRpkWGU4+KY5DR+L2OJeVoulZw3HoNkd7sqEmQk7UZAvWcRnSiHKfcdSvoh2pOaEk4W" +
      "EDn01494DfZ/qScuejElKI9DWZQ7AxiQAFOusb5gMw1YeZKtPmz97u/I3Np/oMv2DiYRh7vpG63BIQzptUTXFQ32Po34XW1VDHgsk+wXGqpesX" +
      "XYOoxRVLxO",
    sealed:
      "+W5QmRZ7Ln0Dd0DY36lMhPuw8o/dURdBN4HAbT65FEJJKuFYwwG3ZWVRniiIlU1RqVPooCD4StOsXFEl/kDIVze6j9b46NqxjwEfivCdERPtDT" +
      "H9UQa0y/cshDEiQD5xTBr0iVnUZ1I+Le13aQDlXPGJCoaKI7Ju0GV7KBcTax8UOrVlHpPx/bGAPkWj7i2VQ4ew0FCvm+f3ei42762klbzbZXnv" +
      "dVxBP5pUcnoS+nUZFQQmpigHCun6nlxK7W90HY4N9pYwkf4bC8zvYnmp1q6jKCLp1U+MR9SUUJTRmX/rIg+S+9dNaFnM6PqcbV3Cqf0DRt+32h" +
      "QTnCdIFCheg5rbInjh8DbMdKtKkF8vb/gr7pGu03yodDu8Zfb92rs/0mHzFSmS7G4V1KjtCfO5ILnFxfr/7m1RHW0N/TG8TxBehiuul3qZfIC7" +
      "7id2Zr0gl44eW8tQs4UoMDaYiBsLhzGMoBPO424U1j5u1LWYmZdrkjl1pDKSf1cySkvTpcjooEkzgxkrAo68eTyj9Nhr1rxbxUyBmgYQEtRffT" +
      "v4EapEVyFjJWfje0K7joxarlPCFNqBnCiM71wYERaRwnTmsOq6ZESCmF/WfrH37R0mrkWtY1WciQxGcVuA9Ifa3kNedtjUTZHV5Km6knJpGhXx" +
      "y19b4L17qb6RAl4IYVOaZSEGMxpfmpNDvAmw26LwwkDfyrno8EDsowPKTGMJNmGI4QAKh1L6Km8Sln+i2P9lXFe3Xc+5jkNwNCsY5ogu24bZA7" +
      "mlnqph4AU2bekAUCP4v/0CFeXOOlsnhgh00DMedIlaUGUXTGoRsEAeYlrL1R7IQGP8ddkAkaHZjPTDHJlx27ZD5Q/+U+y0d/mW5gHBuExnJ+lG" +
      "rfpY/3fUgnmJk/DDhqVl5yds9wu32F9+15t1zakcrB4HDojFDgOjtGxCqvjbfu1uv7b0QJ5SOxlq3807KUt+jtYebkVLVOxxLJIYMc1v/+J7d7" +
      "S9dT83AFXJhCVUxjlM4dD6rtS3TUQjzCJpfqhxrTLNSSyRjixmEsvbSMYeLRnX55EO8OMP7i2EAqROhK5smBoNnYllbGhR6LIm1vTSEpIPMMLO" +
      "rU6VCuxAkHfxpxZQzT35TBurWAImUSzLbDQRZ40RNyMX0WadLQCUd+97s1AZGxc8bTbDrNMq7hEUroZlz5e8VvmhoHuM59twW9GaLmntS0JKjt" +
      "dLMZ3sqfMEeDyqI2cR0HglSOoYgyv6N1kjiRZvWFvik2p437zH1ZlqC90X1t8nf5yOYL4ARKOQpF55LArK4X/vNQm9g97oIDkrt4EK4uoAhd6f" +
      "rKIx8idNLoTw8avkAEjaICc+sqA0yX76FOW3lLB+BRPzcR0HhnJ91Cf3nf+nBZz577IFkWaKqbhUkNpzih6jTFv8ufjdt8bO+OEMyKqrn4zqUs" +
      "JXZIRYD8lzsofsqbNUZcU=",
    secret: "1CVpiWqyLqnW1T2mfjYoyNk4i1i48pu7SLOPoUbgCYw=",
  },
  {
    name: "mlkem1024",
    key:
      "i7V/d1t1FYxaEvg0XTqU04WfQIapXAxTcmIUNtCE/GoZekRjFlvC69ejEnDDqzFd95FfIVxvgsgY9IsZ8TPD7vO/AaR2DrI2fud1KEmLVqIXUm" +
      "IP1GPPHBSBmDyHhJycnzyvVvcGo0tC0sMHBlKF2cwe9KunzBFqLVAa/4CxqwlJLZgVLHAnQ8dP5oJT/4gC8zTL6mFJFpeqCgdJG6m/4muJNLO3" +
      "kAoJvQiz7EYD9OFmj1IuowN/gcI6FjRkUlS2ggGGS5I5/PbJEtCSi+iqGUG7TXehHpCirxWdGQcMBPPM5rUsvyxJiiWCeNW86HYy9xF50UjAcX" +
      "d8LxwDL8od3aiW2MtIJNLA7aNRXvkMiPh15yMVm1dYWjgQg0d7OeKQ8eM/TsakXkXC/Cs4jZK/E6OlpMyXiAYZ/lIaQ/ZfQmyV8aa8HYpF4gk9" +
      "guy0x9W/8RxsqVnH81uTqzyAEBFMLYKEjeo4quI7rFYXUVsqkIqwVYpV6Dc267OIoYm2AAF0Gic1E3IGUNCeO5YNAEO1NfimXvWDdyFVs4fCZt" +
      "IJu5Y9HfHJ5xOuHMQsUwyLNICI/TeimADPHpYixAZl0IuRHsyE8gpnsDZG0uPBofAZjFIMiFtcwfC8N8IWBKgLveOPsCyFodgY+dVO85Z5Y+iC" +
      "XYlDoRdcHlGbz9piuiWhzycXl7M3ObDB0My8/6ogskSbbKRmlFTK1pg9kTuajWhdJyQZkXisc0xFLFesRAFRKiWKcrkUYvZBSjfJAcitfyZ4kC" +
      "bB/1B0Racttzh51+qCObJ4K2k3PHXBfcicYWY/+yVABYOlm0oYD6RtDIk2ALpQ7yqEMByshrad6SAaWEiQgyxNulJYjsO9piSG73doscOcaJfF" +
      "gxVlwTxwt5UDguI0lXMRdNqEx6Gw6PR+BpMGJhDH5VOxmyy3NESsv3x+pEmcjGhxBnJVtAa61SkZBEqV9cbI7MA5gGe5QlF/yPA7/hhh4scPbk" +
      "spGlK6QwG+7jaacgOm30w7ltd5zaeuO1utLApHpDCzxjDKB1o7BXKkQBom5QGDo9IcQGNzjGl71erKKQEoJ5gUgDCGcfRznvFqNkWoL2ly94Y9" +
      "CKK24qM5YWF+DVAuL0uQQVsVNgt/KUICdxGwx0hnM9slXhEhWilI62K4xVQ7dns1kuCHBuEU5OUpfYARp9S3dgnPcUMEiWGLW+e3B7M1bem96c" +
      "XBefYqf8bHdGDEwby/nZNaltgE4hsYAagnTEqHYBcYYHJFuIuIblYD0eAC3oHGf0SL06NK6dRQxTowAxWbrafFRlAZxnId9RiGE4EnjvqCfkur" +
      "cIiq1NtGcnlh5IY78hytvPZnpNImNefLNESqk1BlwKsom1iYRCWBYtqU0/yoJEwvziVO/jkBQWPMkYREm8Eystd7dtLIY7toZZvPvPgxn2zGRt" +
      "aBtUZZFNxf6+a0IjiXN0JcvVUPATt2LTqGR2N5uyAZOVtWCHENFJxsaPubXIaefEWQmgF3MGrILOx8VoQwyck2twPNZvIVTFJkaNAEJ1nFiVzI" +
      "lyV/SeYJ0sKbq+OU2PlVR5YiGCSUrjNGC6FdOQi3wmQVFzjLWmA3HHPIGwskctCu6sd0AywaIVxuNOxpqYQLW7MEy+E9tuVkRQcfvgVnpBov0k" +
      "BfycEqj5dUBFfA9QGmpkzJprd9WKBAVQXFE7S3D5U2BeyuM2gr6xSlS4bCDueRulySeiI2O5x3wqOXbpsFeHfMwiAPOENWprLDqCYvNkDGFGG1" +
      "irUN4oMprbhUpzbD83tQxTSlw3BCSIwOqASx/5OxadlRWbNp0aA6RMHCt7yTcog6E+dheVBy+7a8kwQ8O4AeV7e4SKQUnEeYr/clJAKOfvd3oc" +
      "YuZgE+r3NDohGS/ClzRCjBzHvNAWLM82Wl8oYOJ8csTlckXtl7w7FBpPmbqDtqVJlthqRsjWN9fWhRRTMVxNo7ZkNSwDSWy9EEaJGafiVaLWUr" +
      "jAa8Suueb5VYTCvKm5seI5k7S5SWpinCl8IszsYXJbzKpylXHXdjRsNc37sufTknqbYOsVcskAuLggI1dDeBnBKePNZtIdevVcVoK5Ud7/R13x" +
      "s6rgaZscoLmsigVPKz6tx1R7MH0UfMVtkrvidMfOQvd5GcOOhYo8cktBE9oYKeIOYHvuCptSFssct/rMcdOxKuDNSLvwREaHxg/KerDbcLjdgE" +
      "RbWwVTUNACsw1mRiICyRxVd5gAAgtRVH/JOyk3mkt0wtTeOmkpCg4KhPX5lBiJABfwMldZYRyPd/KLt7EqVWqnpnksugCuLCcqHDIuNswfq59S" +
      "VNanskxsA8xOIGUlCMQeCr1YQsHya6HZGxXZB2TLtXIQCc9rGYQPQxfCBMneBvedFeNFeR2Gag3GHB7PCVG7DNzIbMQgQSFCUoCugOhkBcLbcv" +
      "/UaLoYEVRvm7jLqgjrm8Q7TKQ1GYeHSxznYTCsILilBfziUOD6sB4zsLMilOeNm6AEdLHnyUjZq+OHS5uNGc/3EUXEGlO8hMQrGEohN2vzZwsC" +
      "WTyVqMhUpwR6wt0CDFPJxqS4jDE6qhkKmJXiXLPQK2K3tceltxBjgAnjI42sgn6FIQXHSv2AUox1FNxnVz9sUKGSNGJtoOBAtPe8l5VPk9QteM" +
      "AqxQybepiWSWG7gFhOsFr8Jm7MMlAyJiHHNurfOQPPqMubKmjBc2m9nIkFYCrTi+fDC9sRtp6EXCAsEGPutVl/e/KwVJDcBiL7JOSZukJAvKar" +
      "p/IyRk7pVhAOyJiGZMlnhZ64k0nTYAF+rPizwnJxlSCbF23SFBLMCfxcbFj+ND4gNwJ+GISuULxbY4Vhm828wYXFPAZThe/LwTP9h0OaJH1WWQ" +
      "o8a8NFw5poIuIAUWURl4S+y/CWOW9CSGcKWsvLC5VkWsfFehk1g/c4mfgRKEhonEeKscutNKd2dylfALUIuu+zpEpBRiXgmbEvYZoDi2O4kpbs" +
      "gvWPe+dDFoksNFxGCnV2qxGJKocjHD9HqO3BcTSUB619bECcxwLkceLwCjmseu5FuMDTCmZ5qvkCoi6PiF3MSvIfGD8YGwyZuuj6lC9NI4hkht" +
      "AtF5wjYjT0mbglB6JYDCzNXCwTS09IZ4qPRpXKkD3ecaV5NPrTdlcxCvKcqp8kZU4IuAmoCqIniX12Bbebp11LsaJwLQ/MqgzbtBAUOK74wZas" +
      "IRqkCOAfd5csku54oAiXvD+GBCULehorkEQyt505pdMzYppMm+5wcLjtwwlgA/eHMg4xVxVcMPuMx5gsY0/NCeKNuFduYQmJKNvTAHHwVCRexu" +
      "FZWymkIuemouk+TFEqp1K6y382kOFGJ29XC0OrIeNChicAlBR9qsM+Y2HJGWJ1yyPrPFcoDFDapkCEFpF2mi74NhIaVUFTyDfQcwFLphQIOA8R" +
      "u7JyTKjeUucMJV4zTP48gPfytqSygzYVubmHocL5dqz5meSaQW3OJOfUZkXERUAVCUWbTEhJhPn8IdX0cs77Mbfrpy32NeOfidzfstfZKhFzUk" +
      "0eSvoEJNMLeqv+ON3homA6pjDGFmaIikasxVgMUHaHWktSxeOUSpI1ujHSfDc4hZwgehA5i+MlQiolI7DcQS0+phAcOtymZb8lCs7PPC0KBQmT" +
      "Nq3lknR/yqUJKvOylAmeR7V8UL9OqvOaFOSap6gnkk5xokQwZHPcJ4OycO60GiKDEVkbF0gEEtrJohwLlq1Uu5zBZhQnzJeXt+z5E+HlcAOvug" +
      "BAgvnXeycKMBzRkQ7xdiwtKU9qLPpcOtGgiKliFWgvx6CXheziGUz6t8PTVhj1qJHQO9b3plw1ApxJBIrqGfiBeYVnUqZToSFRpqjwLG+Tud/b" +
      "J2BEVPbhQTlFqTrQM1Q/K7R/ayZXNV4Jyr1rECO7fCrWFvDjDEQxZ9vOIrbDjDeceCgeU03sFzcVIvLKwM1dmUSOvJEmeP8ae3h7ZPD7nD1sdp" +
      "EKuL+ZAU7qbJH6POJZILa/xj+lUgDHgcd3BMJKV0wcoPkAaNbxOWrLUMIZsI4DofrzktgqG7fyauxFSwa0nOnCezfpty7fgK8YJGl1mv59NUvA" +
      "GBkPQ0MdcAprxi8YRFRrAB0yB1PekBz7FZskklPb+Uj4EXBj1dvEDJfpKQxH6mLe3KoOyfYujIgZXXrVCxRRT76UqIdVQgTaekDa++csXhXTnp" +
      "aQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    sealed:
      "e/6/U1L7IDKs0gSyApNHH/M5M+mTrUsvpq9hgEknYFX+tyNPDehOgJbuCoXQji5nO2sfYJpctg+wmPfwl1NA+9y8ZSm2W+msVGCJAJLmo3riKb" +
      "+9LGNs/1Xp+jJO84rsMteBZCDO0phe7Fkh+NvagM+0UIejMa/TjZusqPyFEPxcHybtH3t2WBebLHXo8eybsPOC4okkmOfOzngNOhSjXDrf3Q3+" +
      "FEoaJ4jAnzhd3rN/lk24i5Toym/CjMBn99t98ECr2WpL/SDcG2Yc+zVOFZiVS/CUkyWW8XLEGi4WtVrXl411ZpMuNaI/nS5n0ptyXbAf1szHjX" +
      "FqKbHtjUpqVt3AVyvqxj9JDhDSreerTxl5dxFqMTH/ToQKYzNaRBdmE2KhUCrn22E/Fvl6gZroS6qnS4Snxqspw/4IqzJpZ/NTIZ7/4CM1hVzg" +
      "8T8DezIbS9/rn0iil0r8uTDdagWg7F1MbPzJq4PeBNDHvIhKJQcFvZXj4eJNJuHRSt1sj+SayHApiogl5cJ1q/24mLp2vhKPUZiyxjhSqUwlFG" +
      "ggy+Kx3H+Cxf+h3r0kBjJhYYdW0IjBpKSuf7LmU9OVJRTMYUCFvHwII+pl0ekXqNu/Hp/dPrW5EARlxvZ/Z6QG62+ggJykXzxQcEG+ZV+NtHvN" +
      "Q4POdk5ICApdIxkJYE9Gf3J/AFmTx/Aw8B/cf3IhQbKJbnbvD0/Srms1rrvczHBoQgrD6/9jovVA3V8yILFQ0uZ2Y7XDwbtTyT3DvGorUxcBbo" +
      "Q33Fc8Oio7n4ia1kvyi01Sf0YPxlwh9M1b4QRg+q5z+2nPQNFyoQIIeuI5Qt7WvMHoCA8rkYGW4jsn8hsB8Gp91mxyKhSuuOne3iH0f0L6V9GK" +
      "3SNuAW2NAscY0FMd1PhkXag830JglwElTdThTKicr7cAaZ/2zcLf3EN8VlI5O06zBLAeU/qtKjNV7Fl/ndEzUQ5j89CH05W1cwW0go2FsWu5dm" +
      "J/CCLECOuHzILw3JL9I0jfDRT3oZ3e7jg0VOY7m/ijlbGvQQDJsayU+EkgGOM3PMvlGUhUsKdpFicrC3I7HRYy39SKQ6ff6WVbpQjVgs9vTKBS" +
      "4WeyCRuSOTWDY4uCCBfNJkRftVC+W+a+KEZLvP4jYaI8HyZqHB/vaR8Ckut62BftR8PBY0ugkhTamp1GG1hzfRLFjpbeqXtXj4r+XZ9rJNmJ5g" +
      "Ce3bboqwPBnTQHEpYf7FYHyJxeNbqGyWHVtVbpr/Pp9UH8roYJ3TUB1ts8kICYXD5v/+IECxWSgjGyiveGXFz5kMxYyahBJ9HYpV7i6AaJtFA+" +
      "QahZGM1LMfkEUjRA1N+xuLUd/pkTaVTWiwjocghAVE5wRi6ZXurImPxfa9iRkKhMbpqGJLwlotlsV0JypL3xOmS5VMC75SiNnn0a0oBfR4KGTN" +
      "w4NnQBoNMOfY1XZEHUfkhwpxSIluwAMALNzq53+aHhSPyHutX0YBDiT7sAcURI/qGGqUfRfb7gfbMTfImjQOEZ0cfZRAto5jSHLxuMmtroq8m1" +
      "7zjHHk9vf9A9GjSJvr7/a8NwYDGJEdMlMvwANYCOPBGbsGS8ztIK1SZmph26kxeIXq/HDwYeM8sME3lzeMDWSGYUA/p1bQl9y+klpyAGMF/x/q" +
      "Iv1h1M4OqbAs+Z8E8erbZ2kV9vHpJ096UTZzazMyLJMUYemErpF6yCTcz7Y4SriUcOprjeYDvlH9F9KboTpIfN+30JcHgVszif4wEGU6l3UJX3" +
      "UIMXMvr4eVo3tUTnFUhpFat5qU6xYXrsNGm9ZUqdBibQWft2LntVs+drM4GWUVpo4yp60K17sHMm+iyz0dBHygKDBV1txkpy+tVZ9pbEsTVHf2" +
      "9ZZTVLDJxdi5o0H3EM9kXTeKeETNXHIQr8U8t8z6VpXvslTGl3K4QjXb50YcqdQkatEY7BAsO98QBFAGWHoY340iTCj/dJ+fgkcvokaDqeTpGM" +
      "15k9yL3l4xoS/ZTxq0nBFR+5U4QDEF6ZF547PGPzwAUD/e2w/ygvqGRBcZZOH26ql3cq9SGvCs6608Ty1/Eg7z/7UGnZiiUhqwbEJoB+CR9TX4" +
      "g=",
    secret: "dgqXk81sgcPN64xnmuf1dByqqXRSiYNF/Agf7ykGmIU=",
  },
  {
    name: "mlkem1024",
    key:
      "6GnJ7hEA/5VP6mUab1kpTQtL6RAKyLVlkHcnI0WqVBphwHB02bOdoBiDqroeYSK4RyNCK+ZQbtMPBJJMzyw3pngswFi/HbhJBvCF+VmNW0uj6X" +
      "GuvOc8rHEISvEaFbo8pUCyFoRL7sAgitESY9V/cxIpsFvBAfLGuYQabsgLbCiNL+aQBcCBZrDOC5BywgeGb6aZTHBfLXxZwxp2mFl+xIEENlGq" +
      "e4WxSmg+XmIDdxmuV4GVzzCL7pmBqKRxPGeDQ5tzOjSlgca/VjY0XDyZhxgpt2taHgASqDAeJIszUsZgHYwaNxMchaLLU9pvPiIQc4gUSEYLOQ" +
      "F4qCVWIGTDQGUiQbeHI4G41Sg8UdxQWEg1NYi/ciR/wespyvih9nhdS8pow2al4gB55svIMXG6fIUY3Bp4G5PEasdRYwBNxsy3zyAQRmBK+MvI" +
      "OrGMbTiX2kKHoyC6r3BOwFPIr3JvOJt0LBBodewEfdQ8FAS2bBi0aDOpKakvTKo35iJrcchbTBJYPVt6R2i5oaeKkjiZd6OcjMgrklArkfcN+C" +
      "qR3ieue5mvb9ZzqCBR8YBGscMmawOO20WoGdoz58nMhjN+VGOHHnCac3Cw76V8IzRClNZVlQUi1gMifQOvGswp6jqX0nuUTlm8mXPBTkkC4zW5" +
      "3BaSqUeLsWmI1oNb1nooVARoW2tIjtzMYmZl3msULrxYvyNai1RePuSJPJjGoVhXbflYxva0wefOl4JVmIfMvss929lTB5PE3UFMwKeJb2aAv6" +
      "jCZ3LCpOtkYVM3Ifc974rFCVWrAkGNtrSbMvQjZ4E9emAKFIl/EtG4KqMZZGib27UVKfCIo+EuEZUUmsmvxHN9OKoAL8dfrXo0J+GCWGkF7xsA" +
      "X/ufmalmddsbr0hiV6dV8KoeJAdpadQX+Tu32hq0fNKbJyWhR7ghfBYWH2I3f1ROIFJOqRxR6WyORsid57RPFTa/MXHELAxqGfYcPgETFRoJVP" +
      "mnF2St9NVDUaNuvxsGtQCZaKMUTUCkZ7Qw8OOKj4mtfEeJe5uuXHtWjQuny9HDNqazYkVD3QwF9YJXR7hSGPnCVKxOW6OhMxAd12lgl0CHregx" +
      "4opEaSNrmTmWa9owAZyp9gyAOLcuV6eYgxF3xJXA5KenmFZEmlR9x8QlLuy/m5iueiqsdnlOQBIBpxktmvFcnZBn9GsTO4dMtvNMHBZ1GcFxC2" +
      "mYRtECblIUX5eXqBmbmipSEyjLwciPbjpU6qWfzDjB73gqSKrFUswaeCPO0zyosVSJjPlyZRcmkCWKhyiQS/o1nhhBhOgLwuu0PXQVbeGDi4F7" +
      "4IOvNDkiLbI29rUW+Lc6D/ppBTpUXjdECxSe/7MLYQOwP4kO04oRL6w5JfotBoHByShufBVTNZOO3DFv3eY83eTPpFGbvfSQaxUtBqKjmftSMI" +
      "apj5draiATq2MT9+Kye9e8qxE4/VkdquIbsri1wdyYsnZK+GA1b1s1B8V0F8IJIOrBhJurTSty2SJaL9Zct1wanPKXnnlpnwm8Iny0QnuTwpcv" +
      "h+JVF0hdLEl6hpQhJVBR2Uqhk/G77JMU76EonzOEW8m9VCpsVxFwc1gg29pGPoBF0BQYSLMdpCReTtC7SOiv4JMCu0m9xXM9ZUfHNSKX43QuSh" +
      "nI/5qT5UkWaYZ+4uqmUEEnbmjDEwy/hFs/u1KvlGrAs0pbZwK2kum4hiYE0/S4MwsfPIKZu0u3EUI8zoQ3GOu2sgp3C7Q9o8YS/SuzscgHNtmA" +
      "RFEg3OB63FwtzNI54Yc30gDOgDsuwAebdHU1HMDO+5hvQvJJRNY9oHKtTLFqx8LA15kkYfK4UDKCbrFyIllPVHtWmEw3DodBhrkxnii8asZ+CZ" +
      "eKkfg+XwFEBkMnc9XBMskJEiVjc7qjiGMNx7hBsTQPsxttaDO20BhqV+BAwJV1VaxWT1aB3ckBy7cngWNYHONvYJN8OxEwpKWVEHOUG1uNpXtD" +
      "USRdGHyOmjKJptdUpEaS5zYKlvOc7yWbDqKvJcQAnik8uPITxFSLMDOxqSdC8FJ2x3OImvyEJtcsE3WApUQh23h0ZPIyigsfwFwRQbtR3jSvBu" +
      "Oxg7heRGVCHvxB26eQxWG7r3la9xzOOAR/JIBdg3EtTYN9WJhg7IqwuLkEsWc0xVqwnHKzlch8ZZjPVuxqJaQIpNmvp8SaBQo2EuOZFliIkjUP" +
      "nPIUa7QaWIlo1YfIw1QAbZK3zpR8eii/07AIBMsNGlFUAHPP2BYLJdhtMhOn1udxhkCOQHuETVxXKphBLRQsuGdHrFaKQgl3k+VSgZRi5aM5v5" +
      "gz99DCkiebCAuX+nSVUCylr5BFx4ckrwy8SgRO2cu2rhlDLqkwtlhvj7pcjykIT1VnDaRhtmPFGQAQE+CvZic+JnwmDdGzzshR0/avLnsU20mm" +
      "3pculUkvX3d4irRNNhsQ7yWPsLe1AgzKZbp1WBsEheSxEtTE/hJu7XdJJeFQaKa7xIMZr1gcyfLHVVB2bdc6HPpTbBUAIyYAFuuqFCqLEFQp+a" +
      "xnEPKOZHqHBlPIZoqIvmcFITM/04ZohuolZvIvlFgtZfmE6Xa2tagFqmV65xOuBJu/SQA6OSefiluIvte3FlwV7QgRklSwfrBep1W7FQmPs+U7" +
      "I+GY4JxABExZfsDKFrATWcVnIosWeNcV9fcjXdmE0KV3VbVMozEo3JvADdPBx0cJeTVEZRLE6+YXnCVv74Vb5BNRP9hgdvx1l5OeL5u4j2OFbh" +
      "I05QR7qKU9ZrqQPNSOUSJ+c8I1fJZnPVZLOABCCrML91MsAjFoaHuW3oV5jXGIP4ylQbwdl4O4jLRpBXgFtuIc7rMEpOFvnlsMguyvVJNWs3GS" +
      "T5uiIBYd6dk1kyKKrbjG2vgBlbpBVPJ8wQgHJzMjNnVJPTsOS7GHq+o1UGTJVRhwU3l1dBowZeSxFON/g6eeTTVRBLyFOnSRZPYxBgFDrMcniH" +
      "q1NGqzHciI77qzknEPzxejUmSpNtOBlcCjzxS9lmxJGukefjc+TbY6o+rH8nZz3vlD5XpkXzWB7lJ3UBAQpAIhBNwrfpfJ9CCE4LFUtMhZ5ygx" +
      "+FlsmASriuk3ZdKmbEZ93gwcLXBXhyVTaEFHmbsnhDIqFfqU6PunCCqweCDM//seR2avqGeI4UgYtYVD6mQSjNtydtwGnkok1WVVnRV/ORitHy" +
      "ILHVUIz3gfCPu2mYHOk2u6fLuEdmypCItKkvCiJsHIWnzAdjy/GZwivwgssJivkztosqgma/s0dQq0gJFmjix9LzvOZuMO2uSGeHearsC4dwTK" +
      "pyBUgqVV1MfPEjeFc6aTvGs5huyLKnmsv5I85NYjFTBv39aKACE4ExkAsjprBsYiQHtaFwbATcZRo2WwaoiqLTWAdEKEaVSrjpBeMkUxKgkx7o" +
      "omOisOB+M+RJltOlhgEiODtmsiDWimiIBZlGVhGlJJ9BIUw9CAkYQAXQeu4KDEopRVbzcsP8SfX6d5PiC9wUNf4gEHb1GKTKU5JYxh7uxJkhwq" +
      "uZdXOuvIU3Qt1aAAmFDDYrEGFjO3T8UFl9O8wAMiAek2P+kFbdWeo+gjtmJXO8VEYYqfF1t+7BxAToFrnLlQGoFL8JzDpqJuybFpP+CGnehtwE" +
      "VOTVd1nAPQqgg5t1rDARityEHFmDGI2eEYS3FApvi9FVaLu6SkYkKVQHHPp0mNusaSY7cxPXk5n9cd3mQY6Dg2xwWuynZkLJYMWpyM4chHgOgi" +
      "fKid6Eo0xwx3aRfFxmMBT9EXpVSid2zDgiYWCFYfQZQF+sQTH4MAmlo18TRiItPKIdgezgwMVkkobWen1NCi7GSlkNudILAjtbFTSrIfDmOKnK" +
      "HJ7SjHLIIFkxha7mezGcskh6QgkJI0/dVZV7Iec4NlcFVOFgOvICMOf6CROyETVisu2npxBTqsXyWiUsEL/+TPznyJ/UuTpgck5dmVrcVpluIj" +
      "GThoMGgh07VZwvJDvCnDEZABmBrNg+lf3HmvDdeUiYAyC+LLp6K9MLExqrKCFFBXfvJh82tx7AZQdegyggdC79kdoDyaJHBK3BMlwcRRz6XBKy" +
      "bC9GoWIXC/0ek2z0oh/axqEKW9T/595PKZG+IjbkxcxuZdlvl4+ZsnVAP1U0X2ZQeLl/CzyrR1icott5JBG5YWJDgI5/4hLGDw34StCLTzWkqg" +
      "25iA0PpiATYoROHGLG7feXkHKWMOkdOUxs6NJB5E2tDt",
    sealed:
      "NjP04Yzu4otMk3iVUIAHOd1GG2qGCKAV7QEs8HDpJ2zWNDCqZykirSGTL53OvtfdZIM/iOj8dVPxZTfbL3oD2fL2cIuIIoJx/lIlVyVYlAH4m3" +
      "n5dTD7AeT8NNbAF18Gm4I1X0sXQcanniwIxquMd+xtJ/jGgxgCJJobNeO4Lf0dSdnMlO9WiXRRar25K9RgLeRDBsVAOO9C8Nu+PNq2bXT/t3GD" +
      "gxVLWxuDha26veod/NE6Zxi7bk0X76eS0aLqulesV6OrsE16Bx4Bx+P7A6R7H3aLbLoxEfH3b0ghTtK1pYWqLlZJ4VZpjmEcAE94eiCqYEkqA6" +
      "4apU5XIjcupWXbFET+Ni/sY26J3YFlV2pitamNsx1LTZPtJi6mED0vnLlT2ana+eZVJ1PAuieHolAEc+vkE4ck6mV70CIkFcZ7qLjMaWG0qGQM" +
      "wNlxvpzvCvIUa4KbWj0tdUryv3t4WzZw/ZETTnaufwS5BrgUGRKl+UrAdrraAPLxgVlZTJ1DBYHGNmtqJW1YfN0HMSHC/dm0VcGfIp1BLNVxol" +
      "q0XVsbawv8+8DAncZsrrBHY/77xuwYlo/mRHrd2KPoLj/BfdOiR+jsSkumKe6SoPk7jlwGakg97lmpH84xns25yqhF+O2VyKurnqbKNrtu0Xxf" +
      "2LMEgmKcPDODThjXkVIzTmrTgqSsZlm8+A26F/nIgCmbxeyGCaIwptGmjJKI+9o/504hBgdYUCwBeCLbaAztZ+un4m9Wx4dtH8FSowrEbIrlUE" +
      "pM8PLkEe/ukIAXICJbHBCOIVYPwzHxaioA3P04tp8rem7RvoncW9uqfvAO6+SyWDzaGAFzbiEnXDY7nsArnFtolysaERSa0nS+wagxIsB5vIkw" +
      "bF9CWkL/rgBp4TJl7DmAwIes38AIOLHyy9NuFMquKVNJjOZ7We6SAMJENL2ejPOL+B7I/5OYg3ZQIYSJI4ucOIW5KE7PEmtoJbJ/i+QrvfZ7Xj" +
      "Yuo0ywNugiWtKV92MutfHNY6XDyAh9s/D0LwnGpLnz21bPjV8byCmH15JqWroMFlH1D9wWO3elsbfL94uMAkpRz2avipoAgmm9DjpP8kDzNV8R" +
      "k6YLkl0YXR6dokzbvkfLYllDr7cOkm54oioSjZCNZV4uNFO876cotgRVTso3RWVMrEh34nhzNqMZYC+3XgljcwqMfOGDMGRYp147+HPEwCxxo7" +
      "nvm4R47hl3o7llb7VDvzQPAz3ki47zN4XVQwAL3l+G7dY0XtNs5TXPcbaGARomqW/TDWVJwdXA6PKgzQtU5A+SHxT29jpuMfnCWuaphPzzMDmf" +
      "8URQIjnUYKcjcn61r+iRChzdHml0nLdBV2SGts5joxUsrI0ueXlhz6srYnpp7D4P4idG1Hwr2bimKfyyVjvtijylsZYDe78r65ds0YrHZVlv4j" +
      "aGYk4qnlrBZQgMpv58Yo2P6T9QwNOJRGE2AGNN6WoE3dCzwM6PnNmuGIoqA1FxYyd2HSmezz+Shh5iI5eaqla7xU/ccjocyweI8FJ6ei1p2HHt" +
      "IH7fE3rt/Vg7ECVi4/G21tvMsylpiET3/KuvRFoaGVmJAU/CN/AF9Hjci/7D83WYCy5VYkliQ9hgg+IvprBRWe4apqPEhmqB5Z8Vh8LzoL+BwP" +
      "g3ZEEWHbQ4dqlyy4e6huX1YAPUYfgLXGnWrqW09XsQOtEJ/uCQRPffou9QwqPp/p75y2k/fZPL/femo2+tP0cEVLwozCWdWRYesf+jYvaaSXlr" +
      "BE93n8OkEDxCrOO2L56LQ+6itVVIUMxfhr6OoysN0P9XV1NNUVIurLVWLykGnB2ND+IDgSUIswLYsgAMJ91neP7bVNabV5UxaRSfHogjedM0zU" +
      "DTlGKWAMld2B5aBWxuO2+qG4lppaIOGWL0eVLFKucTnappolC6vDUzBdJ+dQ6C1BVsxwGIKk27QKrIwzzs3g1MKyQdH6A3rAa9Q/NDI4ZcPZWB" +
      "GLZF4ZHwI7fbQ7Yd5Mad6wADAPTVSdOBAtULFr4tQ7EvD1n5hiIFBHhMxr/mTYUg+kdTHkWeau595BsQbJWsD9GhWDH6lJR12BYMi8AO63SooK" +
      "A=",
    secret: "2dmPvk1ruvh6SLGBbgApE8SSaOM4UxbnvUY8pVdXl1A=",
  },
] as const;
