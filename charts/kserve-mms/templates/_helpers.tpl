{{- /* Written by `npm run chart` from manifests/default: do not edit. */ -}}
{{- define "kserve-mms.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
