package scrub

import "strings"

// The tables below hold words, not keys: a key is judged by the words it is made of.
// All of them are in the folded form of keys.go (lower case, no accents), and read-only.

var (
	isSecret     = verdict{classSecret, scalar}
	isSecretText = verdict{classSecret, texts}
	isOwnSecret  = verdict{classSecret, ownText}
	isFormValue  = verdict{classForm, scalar}
	isCardCode   = verdict{classCard, scalar}
	isCardNumber = verdict{classCard, digits}
	isHealth     = verdict{classHealth, fact}
	isGovID      = verdict{classGovID, scalar}
	isBank       = verdict{classBank, scalar}
	// isHarmless is for what contains a telling word and is none: a token that says where
	// the next page begins.
	isHarmless = verdict{}
)

// wholeNames count only when they are the complete name.
//
//nolint:gosec // names of secrets, not secrets
var wholeNames = table(map[verdict]string{
	isSecret:     `pass pw 2fa tfa mfa pin sid clave mdp dsn cftoken authtkt rememberme`,
	isOwnSecret:  `auth`,
	isFormValue:  `attrvalue`,
	isCardNumber: `pan card cc ccn creditcard debitcard`,
	isHealth:     `rx cpt diagnose patient patients bmi a1c hba1c disability`,
	isGovID:      `passport tin dni nie nif curp cpf cnpj sin bsn pesel nir insee nino personnummer tfn hetu egn oib emso инн`,
	isBank:       `iban`,
})

// singleWords count wherever they stand in a name.
//
//nolint:misspell // several languages
var singleWords = table(map[verdict]string{
	isSecret: `password passwd passphrase passcode pwd passwort secret secrets token credential
		credentials creds otp totp hotp jwt bearer csrf xsrf csrftoken xsrftoken cookie cookies setcookie
		authorization apikey mnemonic pw psk puk aspxauth privkey sessid phpsessid jsessionid aspsessionid pgpassword passw pswd passwrd psw
		contrasena contrasenya senha motdepasse kennwort wachtwoord losenord adgangskode kodeord passord
		salasana parola haslo heslo jelszo lozinka geslo slaptazodis parool sifre matkhau pasahitza
		contrasinal katasandi passwords пароль парола гасло лозинка κωδικος συνθηματικο 密码 密碼 口令
		katalaluan wagwoord lykilord fjalekalim fjalekalimi geheimzahl secreto 秘密 비번 пинкод رمزعبور گذرواژه პაროლი գաղտնաբառ পাসওয়ার্ড கடவுச்சொல் құпиясөз nenosiri parol cyfrinair
		salasona токен секрет 令牌 トークン 토큰 密钥 密鑰 秘密鍵 apiキー 验证码 驗證碼 認証コード 인증번호 geheimnis segredo zugangscode bestatigungscode
		zugangsdaten anmeldedaten パスワード 暗証番号 비밀번호 암호 كلمةالسر كلمةالمرور סיסמה סיסמא รหัสผ่าน पासवर्ड`,
	isSecretText: `tokens`,
	isCardCode:   `cvv cvc cvn csc ccv`,
	isCardNumber: `카드번호 numerkarty cardnumber ccnumber ccnum ccno cardno cardnum kartennummer kaartnummer kortnummer
		numerotarjeta numerocarte numerocarta numerocartao номеркарты 卡号 カード番号`,
	isHealth: `diagnosis diagnoses diagnosed icd snomed loinc medication medications medicine medicines
		prescription prescriptions prescribed dosage allergy allergies allergen allergens symptom symptoms
		medical clinical mrn nhs mbi pregnant pregnancy pregnancies vaccination vaccinations immunization
		immunizations immunisation disabilities surgery surgeries hospital hospitalization
		smoker prognosis wheelchair psychotherapy suicide suicidal dementia alzheimer autism autistic adhd bipolar schizophrenia ptsd
		seizure seizures migraine migraines arthritis hepatitis herpes chlamydia syphilis gonorrhea tuberculosis hypertension dialysis
		hospice infertility menopause methadone opioid opioids antidepressant antidepressants antibiotic antibiotics obesity insomnia
		anorexia bulimia vaccine vaccines vaccinated hiv psychiatric psychiatrist therapist chemotherapy chemo oncology cancer depression anxiety phq gad hcpcs rxcui spo addiction rehab physician tumor tumour illness
		illnesses disease diseases menstrual menstruation ovulation fertility contraception miscarriage
		abortion cholesterol glucose hba1c glycemia insulin medicare medicaid patient patients epilepsy
		diabetes diabetic asthma comorbidity comorbidities genotype biopsy
		diagnostico diagnosi diagnostique diagnoza diagnostik krankheit medikament medikamente medicament
		medicaments medicamento medicamentos medicacao medicacion farmaco maladie maladies enfermedad
		enfermedades doenca malattia allergie allergien alergia alergias ordonnance rezept ricetta receta
		symptome symptomes sintoma sintomas sintomi patientin paciente pazienti krankheiten blutgruppe krankenversicherungsnummer krankenkasse versichertennummer schwanger schwangerschaft behinderung
		choroba rozpoznanie leki objawy ziekte medicijnen diagnos sjukdom lakemedel sygdom medisin sairaus laake betegseg hastalik ilac
		embarazada embarazo enceinte grossesse gravida gravidanza zwanger handicap discapacidad تشخيص الأمراض אבחנה रोग निदान 病名 薬 血型
		血液型 혈액형 증상 处方 處方 диагноз лекарство болезнь
		симптомы пациент аллергия 诊断 診断 病史 症状 药物 処方 진단 처방`,
	isGovID: `ssn socsec socialsecurity aadhaar aadhar itin passport driverslicense driverlicense
		steuerid steuernummer sozialversicherungsnummer codicefiscale burgerservicenummer fodselsnummer henkilotunnus nric hkid
		jmbg personalausweis personalausweisnummer reisepass ausweisnummer passnummer rodnecislo снилс паспорт マイナンバー 身份证 身份证号 身份證 主民登録番号
		주민등록번호 주민번호`,
	isBank: `iban clabe`,
})

// sequences are words that tell only next to each other; written here together.
var sequences = table(map[verdict]string{
	isSecret: `password passwd passwrd apikey apikeys apitoken apisecret privatekey secretkey encryptionkey
		decryptionkey signingkey authkey authcode authsecret accesskey masterkey sshkey sslkey sessionkey
		licensekey cryptokey servicekey serviceaccountkey accountkey pgpkey gpgkey kmskey webhookkey clientkey awskey
		deploykey hmackey rsakey sharedkey subscriptionkey adminkey appkey rootkey consumerkey
		recoverykey verificationcode authorizationcode recoverycode backupcode mfacode otpcode
		smscode logincode accesscode resetcode twofactorcode pincode pinnumber cardpin userpin atmpin
		securitypin loginpin transactionpin onetimecode onetimepin twofactor 2fa 2facode 2fasecret
		userpass dbpass loginpass adminpass smtppass rootpass mailpass ftppass mypass dbpwd
		connectionstring connstr connectionstr sentrydsn dbdsn databasedsn netsessionid sessid laravelsession cfclearance connectsid
		simpin pukcode unlockcode unlockpin devicepin samlresponse samlrequest samlassertion clientassertion sharedaccesssignature
		servicerolekey activationkey applicationkey functionskey backupkey aeskey symmetrickey sshhostkey basicauth authheader
		rapidapikey privkey accesspin passkeyprivate
		claveapi chaveapi cleapi clavedeacceso claveprivada chaveprivada cleprivee jetonacces ключapi apiключ codigodeverificacion
		codigoverificacion codedeverification codigoverificacao кодподтверждения katalaluan رمزعبور құпиясөз seedphrase recoveryphrase
		hubsignature stripesignature amzsignature maidenname codeverifier oauthverifier clavesecreta claveacceso
		secretanswer securityanswer motdepasse matkhau katasandi palavrapasse palavrachave
		كلمةالسر كلمةالمرور passphrase`,
	isCardCode: `track1 track2 trackdata magstripe cardtrack securitycode cardcode cardsecurity cardverification verificationvalue cvv2 cvc2
		codigoseguridad prufziffer`,
	isCardNumber: `cardnumber cardno cardnum cardnr ccnumber ccno ccnum ccnr creditcard debitcard pannumber
		primaryaccountnumber accountpan cardpan numerkarty numerodetarjeta numerotarjeta numerodecarte numerocarte
		numerodicarta numerocarta numerodocartao numerocartao номеркарты`,
	isHealth: `bloodtype bloodgroup bloodpressure bloodglucose bloodsugar bloodtest bloodresult bloodoxygen
		healthcondition healthconditions healthinsurance healthrecord healthrecords healthhistory
		healthissue healthissues healthcard mentalhealth sexualhealth sexualorientation
		sexualorientationhealth heartcondition heartdisease heartrate medicalcondition insurancemember
		insurancemembernumber insurancepolicy memberinsurance disabilitystatus disabilitytype
		vaccinestatus vaccinehistory labresult labresults labtest labtests labreport testresultcovid
		covidtest covidresult covidstatus hivstatus stdtest stdstatus stitest surgeryhistory treatmentplan
		treatmentplans treatmenthistory therapynotes therapysession therapyhistory admissiondate
		dischargesummary dischargedate dischargenotes lastperiod periodtracker cycleday duedatepregnancy familyhistory
		chroniccondition conditioncode drugname rxnumber rxnorm cptcode icdcode ndccode
		geneticmarker dnasequence oxygensaturation insurancegroup insuranceid insurancenumber smokingstatus
		drugdose hearingloss eatingdisorder sleepapnea groupesanguin gruposanguineo grupposanguigno chiefcomplaint vitalsigns appointmentreason healthplan organdonor bloodalcohol
		geneticdata genetictest dnatest bodymassindex substanceabuse carenotes nursenotes doctornotes`,
	isGovID: `socialsecurity socialsecuritynumber socialinsurance socialinsurancenumber nationalid
		nationalidentity nationalidnumber nationalinsurance nationalinsurancenumber sinnumber ninumber
		taxid taxidnumber taxnumber taxpayerid taxidentification driverslicense driverslicence
		driverlicense driverlicence drivinglicense drivinglicence dlnumber passportnumber
		passportno idcardnumber identitycard identitynumber identitycardnumber votersid voterid
		governmentid govid steuerid steuernummer codicefiscale rfcnumber personalid personalidnumber personalnumber cprnumber cprnummer ahvnummer ahvnumber
		ahvnr taxfilenumber irdnumber finnumber residencepermit residencepermitnumber visanumber aliennumber rodnecislo tckimlik tckimlikno kimlikno numerosecu securitesociale`,
	isHarmless: `partycookies pagetoken nextpagetoken nexttoken continuationtoken paginationtoken`,
	isBank:     `bankaccount bankaccountnumber bankrouting achaccount bsbnumber routingnumber sortcode accountiban ibannumber`,
})

// bearing is how a word in a name bears on a telling word in it.
type bearing uint8

const (
	// attribute after a telling word turns the name into a statement about it.
	attribute bearing = 1 << iota
	// healthAttribute does so with health. There are fewer: a date, a type or a status of
	// an illness is health information itself.
	healthAttribute
	// reference names the thing's number in some system, not the thing. It does not
	// excuse health and national ids, whose number is the secret.
	reference
	// holding at the end of a name undoes an attribute: "password_field_value" holds one.
	holding
	// questioning before a telling word asks about it.
	questioning
	// factual does too, but that somebody has an illness is a fact about them.
	factual
	// counting before a telling word counts it, when it can be counted.
	counting
)

// longestBearing is the length of the longest of these words.
const longestBearing = 12

var bearings = func() map[string]bearing {
	out := make(map[string]bearing)
	for b, words := range map[bearing]string{
		attribute: `strength length len field fields visible visibility used usage count counts enabled
			disabled type types kind method methods provider providers duration ms sec seconds page pages screen
			view views viewed click clicks clicked consent banner supported library lib event events provided shown
			hidden required policy rules expired expiry expires expiration ttl error errors valid invalid validity
			changed change updated created at date time timestamp attempts attempt retries version status state min
			max score band less manager form link button label placeholder title tooltip prompt modal dialog name
			limit limits budget cost price rate ratio size index position mode format standard scheme algorithm alg
			issuer audience scope scopes feature flow step icon animation upsell parking toy queue control zoom santa
			reset rotation rotated age days match matches mismatch ok success failed failure fail present exists
			saved autofill focus focused blur blurred requirements requirement complexity meter source url uri
			endpoint path host brand last last4 four country network bin preferences preference settings izer
			stuffing leak leaks breach generator toggle toggled checker guide help docs tab menu input submitted
			expected received open opened close closed selected chosen tapped hovered loaded rendered seen remaining left
			total sum avg average balance sale menu deal offer level mission garden recipe dough flavor flavour jar cutter qty
			quantity notice sent requested verified channel masked domain accepted declined scanned
			entropy autofilled symbol address decimals per ring category blocked lifetime`,
		healthAttribute: `page pages view views viewed click clicks clicked icon animation shown upsell
			parking toy enabled mode accepted banner button link tab menu visible section widget article blog
			category search url screen orange filter free faq
			checker opened finder tool guide help sku qty product price store cart item items zodiac sign horoscope
			calculator game supplies`,
		reference: `id ids identifier uuid ref reference`,
		holding:   `value text plain plaintext raw`,
		questioning: `show shows hide toggle forgot forgotten lost need needs require requires required enable
			enables supports use uses used missing`,
		factual:  `has have is was are`,
		counting: `max min num number total n prompt completion input output remaining`,
	} {
		for _, w := range strings.Fields(words) {
			if len(w) > longestBearing {
				panic("scrub: the word " + w + " is too long")
			}
			out[w] |= b
		}
	}
	return out
}()

// gluedStems are found inside longer words written without separators.
var gluedStems = []struct {
	stem       string
	suffixOnly bool
	v          verdict
}{
	{"password", false, isSecret}, {"passwd", false, isSecret}, {"passwort", false, isSecret},
	{"passphrase", false, isSecret}, {"passcode", false, isSecret}, {"apikey", false, isSecret},
	{"secretkey", false, isSecret}, {"privatekey", false, isSecret}, {"accesstoken", false, isSecret},
	{"refreshtoken", false, isSecret}, {"clientsecret", false, isSecret}, {"authtoken", false, isSecret},
	{"contrasena", false, isSecret}, {"kennwort", false, isSecret}, {"wachtwoord", false, isSecret},
	{"motdepasse", false, isSecret}, {"пароль", false, isSecret}, {foldWord("パスワード"), false, isSecret},
	{foldWord("비밀번호"), false, isSecret}, {"密码", false, isSecret}, {"密碼", false, isSecret},
	{"aspsessionid", false, isSecret},
	{"token", true, isSecret}, {"secret", true, isSecret}, {"pwd", true, isSecret},
	{"creditcard", false, isCardNumber}, {"cardnumber", false, isCardNumber},
	{"socialsecurity", false, isGovID}, {"diagnosis", false, isHealth}, {"bloodtype", false, isHealth},
	{"bloodpressure", false, isHealth}, {"patientid", false, isHealth}, {"patientname", false, isHealth},
}

// parameterNames are telling only as the name of a URL parameter, where short names
// carry what a login flow passes around.
var parameterNames = set(`key sig signature sessionid session sid auth ticket samlresponse samlrequest
	assertion clientassertion accesskeyid hmac pw magic passkey invitetoken xamzsignature
	xgoogsignature awsaccesskeyid`)

// firstLookAlike is the first character of lookAlikes.
const firstLookAlike = 'ɑ'

// lookAlikes are letters of other scripts that read as Latin ones.
var lookAlikes = map[rune]rune{
	'а': 'a', 'е': 'e', 'о': 'o', 'р': 'p', 'с': 'c', 'у': 'y', 'х': 'x', 'і': 'i', 'ѕ': 's', 'ԁ': 'd',
	'ԝ': 'w', 'һ': 'h', 'к': 'k', 'т': 't', 'м': 'm', 'в': 'b', 'н': 'h', 'ј': 'j', 'А': 'a', 'Е': 'e',
	'О': 'o', 'Р': 'p', 'С': 'c', 'Х': 'x', 'Т': 't', 'М': 'm', 'В': 'b', 'Н': 'h', 'К': 'k', 'Ѕ': 's',
	'α': 'a', 'ο': 'o', 'ρ': 'p', 'ν': 'v', 'κ': 'k', 'τ': 't', 'ι': 'i', 'ω': 'w', 'ѡ': 'w', 'ԛ': 'q',
	'ɡ': 'g', 'ɑ': 'a', 'ⅼ': 'l', 'ո': 'n', 'օ': 'o', 'ѵ': 'v',
}

// vocabulary is a table of words with a quick way to see that one is not in it: for each
// first byte, a bit for each length.
type vocabulary struct {
	verdicts map[string]verdict
	lengths  [256]uint64
}

func (v *vocabulary) find(w []byte) (verdict, bool) {
	if len(w) < 64 && v.lengths[w[0]]>>len(w)&1 == 0 {
		return verdict{}, false
	}
	found, ok := v.verdicts[string(w)]
	return found, ok
}

// findAny finds a word or its singular.
func (v *vocabulary) findAny(w []byte) (verdict, bool) {
	found, ok := v.find(w)
	if !ok && len(w) > 4 && w[len(w)-1] == 's' {
		found, ok = v.find(w[:len(w)-1])
	}
	return found, ok
}

func table(groups map[verdict]string) *vocabulary {
	out := &vocabulary{verdicts: make(map[string]verdict)}
	for v, words := range groups {
		for _, w := range strings.Fields(words) {
			w = foldWord(w)
			if other, twice := out.verdicts[w]; twice && other != v {
				panic("scrub: the word " + w + " is in two groups")
			}
			out.verdicts[w] = v
			out.lengths[w[0]] |= 1 << len(w)
		}
	}
	return out
}

// stemStarts is a set of the first three bytes of gluedStems.
var stemStarts = func() (s starts) {
	for _, g := range gluedStems {
		s.add(g.stem)
	}
	return s
}()

func set(words string) map[string]struct{} {
	out := make(map[string]struct{})
	for _, w := range strings.Fields(words) {
		out[w] = struct{}{}
	}
	return out
}
